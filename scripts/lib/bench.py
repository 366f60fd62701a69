"""Times the cases of scripts/bench beside their peers, and makes its tables, its JSON and docs/performance.md.

Each process that is timed lives through a whole case and is asked for some steps in each round, in turn with
the others (bench/protocol.h), so that what else the machine does falls on all of them. Standard library only."""
import argparse
import glob
import json
import os
import platform
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.path.join(ROOT, "build", "bench", "bench")
PYTHON = "/usr/bin/python3"
PAGE = os.path.join(ROOT, "docs", "performance.md")
PAGE_MARKS = ("<!-- tables: written by scripts/bench --page -->", "<!-- end of the tables -->")

GEMM_SIDE = 1024
COPY_BYTES = 256 << 20
LEAST_STEPS, MOST_STEPS = 5, 2000  # of a round: a step that finds the caches full of another process's is one of several
BITS_THREADS = (1, 2, 3, 4, 8)
THREADS_CASES = ("mlp", "gpt")
CASES = ("weight_tying", "rerecord", "tiny_mlp", "chain", "elementwise", "mlp", "gpt", "tied_head", "lstm", "conv")
LONG_CHAIN, SHORT_CHAIN = 1000000, 20000
MIB = float(1 << 20)


# ---- processes ----

class Process:
    """One process that is timed; answers are JSON values, a line each."""

    def __init__(self, command, environment=None):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        self.seconds = []
        self.steps = 1

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended" % " ".join(self.command))
        return json.loads(line)

    def begin(self):
        """Waits for the process to be there and lets it make its model; remembers its memory before that."""
        self.answer()
        self.empty_bytes = self.memory("VmRSS")
        self.ask("make")

    def settle(self, goal, least, most):
        """Warms up, keeps the first two losses, and finds how many steps take `goal` seconds, between `least` and
        `most`. Returns the seconds of a round."""
        self.ask("run 1")
        self.losses = [self.ask("loss")]
        taken = self.ask("run 1")
        self.losses.append(self.ask("loss"))
        while taken < goal / 2 and self.steps < most:
            self.steps = min(most, self.steps * 4)
            taken = self.ask("run %d" % self.steps)
        each = taken / self.steps
        self.steps = max(least, min(most, int(goal / each)))
        return self.steps * each

    def round(self):
        self.seconds.append(self.ask("run %d" % self.steps) / self.steps)

    def memory(self, field):
        """A line of /proc/PID/status in bytes; None where there is none. Peaks begin with the program: those
        of getrusage would count what the process was before it became this program."""
        try:
            with open("/proc/%d/status" % self.process.pid) as status:
                for line in status:
                    if line.startswith(field + ":"):
                        return int(line.split()[1]) * 1024
        except OSError:
            pass
        return None

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


class Limits(Process):
    """What the machine can do; all times are of one go, of which the median counts."""

    def __init__(self, threads, math):
        super().__init__([os.path.join(PROGRAMS, "bench_limits")])
        self.threads, self.math = threads, math
        self.gemm, self.copy, self.vectors = [], [], []

    def round(self):
        for _ in range(LEAST_STEPS):
            self.gemm.append(self.ask("gemm %d %d %d %d 1 1" % ((self.threads,) + (GEMM_SIDE,) * 3)))
        self.copy.append(self.ask("copy %d %d" % (self.threads, COPY_BYTES)))
        if self.math:
            self.vectors.append(self.ask("math %d %d" % (self.threads, self.math)))

    def products(self, threads, products):
        words = " ".join(str(number) for product in products for number in product)
        return self.ask("gemm %d %s" % (threads, words))

    def floors(self, info):
        """Seconds: the floor of a case, and that of its vector math."""
        flop_rate = 2.0 * GEMM_SIDE ** 3 / statistics.median(self.gemm)
        byte_rate = 2.0 * COPY_BYTES / statistics.median(self.copy)
        vectors = statistics.median(self.vectors) if self.vectors else 0
        return flops(info["products"]) / flop_rate + info["bytes"] / byte_rate, max(vectors, 0)

    def rates(self):
        return {"gemm_flops": 2.0 * GEMM_SIDE ** 3 / statistics.median(self.gemm),
                "copy_bytes": 2.0 * COPY_BYTES / statistics.median(self.copy)}


def flops(products):
    return sum(2.0 * m * n * k * batch * count for m, n, k, batch, count in products)


def ours(case, threads):
    return Process([os.path.join(PROGRAMS, "bowline_bench"), case, "--threads", str(threads)])


def openmp_blas():
    """The folder of a BLAS whose threads PyTorch's setting reaches; None without one."""
    for pattern in ("openblas-openmp", "blis-openmp"):
        for found in sorted(glob.glob("/usr/lib/*/%s/libblas.so.3" % pattern)):
            return os.path.dirname(found)
    return None


def have_pytorch():
    """Whether PyTorch is there with a BLAS that is fair to it."""
    if not os.path.exists(PYTHON) or not openmp_blas():
        return False
    return subprocess.run([PYTHON, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def pytorch(case, threads):
    return Process([PYTHON, os.path.join(ROOT, "bench", "peers", "pytorch.py"), case, "--threads", str(threads)],
                   {"LD_LIBRARY_PATH": openmp_blas(), "OMP_NUM_THREADS": str(threads)})


# ---- measuring ----

class Bench:
    def __init__(self, options):
        self.options = options
        self.cpus = len(os.sched_getaffinity(0))
        self.threads = options.threads or (1 if options.cpu_time else self.cpus)
        self.peer_threads = sorted({1, 1 if options.cpu_time else min(2, self.cpus)})
        if options.cpu_time:
            os.environ["BENCH_CPU_TIME"] = "1"
        self.goal = 0.02 if options.quick else 0.1
        self.least_steps = 1 if options.quick else LEAST_STEPS
        self.rounds = 3 if options.quick else 11
        self.longest = 10 if options.quick else 90
        self.bits_runs = options.bits or (2 if options.quick else 20)
        self.have_pytorch = have_pytorch()
        if not self.have_pytorch:
            say("no PyTorch with an OpenMP BLAS: scripts/bench --install-peers")

    def processes(self, case):
        """The peers of a case by name; several of one name are the same with other settings."""
        made = [("ours", ours(case, self.threads))]
        if case == "weight_tying":
            made.append(("c", Process([os.path.join(PROGRAMS, "bench_peer_weight_tying")])))
        if self.have_pytorch:
            made += [("pytorch", pytorch(case, threads)) for threads in self.peer_threads]
        return made

    def case(self, case):
        """One case beside its peers."""
        named = self.processes(case)
        mine = named[0][1]
        for _, process in named:
            process.begin()
        info = mine.ask("info")
        limits = Limits(self.threads, int(info["math"]))
        turn = sum(process.settle(self.goal, self.least_steps, MOST_STEPS) for _, process in named)
        agree(case, named)
        for _ in range(max(3, min(self.rounds, int(self.longest / turn)))):
            for _, process in named:
                process.round()
            limits.round()
        result = self.result(case, named, info, limits)
        for process in [process for _, process in named] + [limits]:
            process.end()
        return result

    def result(self, case, named, info, limits):
        mine = named[0][1]
        peers, peer_bytes, least = {}, {}, {}
        for name, process in named:
            seconds = statistics.median(process.seconds)
            if name == "ours" or name in peers and peers[name] <= seconds:
                continue
            peers[name], peer_bytes[name] = seconds, process.memory("VmHWM")
            least[name] = min(process.seconds)
        floor, vectors = limits.floors(info)
        peak = mine.memory("VmHWM")
        return {"case": case, "ours_s": statistics.median(mine.seconds), "peers": peers,
                "limit_s": floor if floor > 0 else None, "peak_bytes": peak, "threads": self.threads,
                "machine": machine(),
                "rounds": len(mine.seconds), "command": command(), "clock": "CPU time" if self.options.cpu_time else "wall", "peer_peak_bytes": peer_bytes, "least_s": {"ours": min(mine.seconds), **least},
                "vector_math_s": vectors, "gemm_flop": flops(info["products"]), "bytes": info["bytes"],
                "beyond_bytes": peak and peak - mine.empty_bytes - info["bytes"],
                "workspace_bytes": info["workspace"], "workspace_bound_bytes": info["bound"],
                "instructions": info["instructions"], "tokens": info["tokens"], **limits.rates()}

    def long_chain(self, result):
        """How many times as long a link of a long chain takes as one of a short one."""
        processes = [ours("chain", self.threads), ours("chain_long", self.threads)]
        for process in processes:
            process.begin()
        processes[0].steps = 5
        for _ in range(3):
            for process in processes:
                process.round()
        short, long = (statistics.median(process.seconds) for process in processes)
        result["long_chain_growth"] = (long / LONG_CHAIN) / (short / SHORT_CHAIN)
        for process in processes:
            process.end()

    def gain(self, case, result):
        """What a second thread gains, and what it gains BLIS on the case's products."""
        one, two = ours(case, 1), ours(case, 2)
        for process in (one, two):
            process.begin()
        products = one.ask("info")["products"]
        limits = Limits(1, 0)
        turn = sum(process.settle(self.goal, self.least_steps, MOST_STEPS) for process in (one, two))
        blis = {1: [], 2: []}
        for _ in range(max(3, min(self.rounds, int(self.longest / turn)))):
            one.round()
            blis[1].append(limits.products(1, products))
            two.round()
            blis[2].append(limits.products(2, products))
        result["gain"] = statistics.median(one.seconds) / statistics.median(two.seconds)
        result["blis_gain"] = statistics.median(blis[1]) / statistics.median(blis[2])
        result["blis_s"] = {threads: statistics.median(seconds) for threads, seconds in blis.items()}
        for process in (one, two, limits):
            process.end()

    def bits(self, case, result):
        """Whether the bits are equal for all numbers of threads, run after run."""
        hashes = {}
        for threads in BITS_THREADS:
            process = ours(case, threads)
            process.begin()
            hashes[threads] = process.ask("hash %d" % self.bits_runs)
            process.end()
        result["bits"] = {"threads": list(BITS_THREADS), "runs": self.bits_runs,
                          "equal": len(set(hashes.values())) == 1 and hashes[1] is not False,
                          "hashes": {str(threads): found for threads, found in hashes.items()}}


def agree(case, named):
    """All must compute the same: the losses of the first two steps."""
    for name, process in named[1:]:
        for mine, other in zip(named[0][1].losses, process.losses):
            if abs(mine - other) > 1e-3 * abs(mine):
                raise RuntimeError("%s: ours computes %.9g, %s %.9g" % (case, mine, name, other))


def machine():
    model = platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                if line.startswith("model name"):
                    model = line.split(":", 1)[1].strip()
                    break
    except OSError:
        pass
    return "%s, %d CPUs" % (model, len(os.sched_getaffinity(0)))


def command():
    """The command line, without the file that is written."""
    words = sys.argv[1:]
    if "--json" in words:
        at = words.index("--json")
        words = words[:at] + words[at + 2:]
    return " ".join(["scripts/bench"] + words)


# ---- bars ----

def ratio(result, peer="pytorch"):
    return result["peers"][peer] / result["ours_s"] if peer in result["peers"] else None


def share(result):
    """Of the limit, vector math included."""
    return (result["limit_s"] + result["vector_math_s"]) / result["ours_s"] if result["limit_s"] else None


def memory_part(result):
    other = result["peer_peak_bytes"].get("pytorch")
    return result["peak_bytes"] / other if other and result["peak_bytes"] else None


def faster(least):
    return ("PyTorch / ours", ratio, ">=", least)


def near_limit(least):
    return ("share of limit", share, ">=", least)


BARS = {
    "weight_tying": [("ours / hand-written C", lambda r: 1 / ratio(r, "c"), "<=", 1.5), faster(400)],
    "rerecord": [faster(60)],
    "tiny_mlp": [faster(100)],
    "chain": [faster(30), ("a link of 1,000,000 / of 20,000", lambda r: r.get("long_chain_growth"), "<=", 1.5)],
    "elementwise": [faster(4), near_limit(0.5)],
    "mlp": [faster(1.5), near_limit(0.7)],
    "gpt": [faster(1.8), near_limit(0.65), ("peak memory / PyTorch's", memory_part, "<=", 1 / 3)],
    "tied_head": [faster(1.5), ("MiB beyond weights, gradients, inputs",
                                lambda r: r["beyond_bytes"] and r["beyond_bytes"] / MIB, "<=", 16)],
    "lstm": [faster(1.2)],
    "conv": [faster(1)],
}
EVERY_CASE = [("workspace / lower bound",
               lambda r: r["workspace_bytes"] / max(r["workspace_bound_bytes"], 1), "<=", 1.05),
              ("gain of a 2nd thread / BLIS's", lambda r: r["gain"] / r["blis_gain"] if "gain" in r else None,
               ">=", 0.9),
              ("bits equal", lambda r: float(r["bits"]["equal"]) if "bits" in r else None, ">=", 1)]


def bars(result):
    """(text, value, "<=" or ">=", bar, met) of all bars that were measured."""
    for text, value_of, way, bar in BARS[result["case"]] + EVERY_CASE:
        value = value_of(result)
        if value is not None:
            yield text, value, way, bar, value <= bar if way == "<=" else value >= bar


# ---- tables ----

def duration(seconds):
    if seconds is None:
        return "-"
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return "%.3g %s" % (seconds / size, unit)
    return "%.3g ns" % (seconds / 1e-9)


def size(count):
    return "-" if count is None else "%.1f MiB" % (count / MIB)


def number(value, form="%.2f"):
    return "-" if value is None else form % value


def times_table(results):
    rows = [("case", "ours", "PyTorch", "ratio", "hand-written C", "ratio", "limit", "share of limit", "peak memory",
             "PyTorch's")]
    for r in results:
        limit = r["limit_s"] + r["vector_math_s"] if r["limit_s"] else None
        rows.append((r["case"], duration(r["ours_s"]), duration(r["peers"].get("pytorch")), number(ratio(r)),
                     duration(r["peers"].get("c")), number(ratio(r, "c")), duration(limit), number(share(r)),
                     size(r["peak_bytes"]), size(r["peer_peak_bytes"].get("pytorch"))))
    return rows


def tokens_table(results):
    rows = [("case", "tokens a step", "ours, tokens/s", "PyTorch, tokens/s", "ratio")]
    for r in results:
        if r.get("tokens"):
            rows.append((r["case"], str(r["tokens"]), number(r["tokens"] / r["ours_s"], "%.0f"),
                         number(rate_of(r, "pytorch"), "%.0f"), number(ratio(r))))
    return rows


def rate_of(result, peer):
    """Tokens a second; None without the peer."""
    return result["tokens"] / result["peers"][peer] if peer in result["peers"] else None


def memory_table(results):
    rows = [("case", "instructions", "workspace", "lower bound", "ratio")]
    for r in results:
        rows.append((r["case"], str(r["instructions"]), str(r["workspace_bytes"]), str(r["workspace_bound_bytes"]),
                     number(r["workspace_bytes"] / max(r["workspace_bound_bytes"], 1), "%.3f")))
    return rows


def threads_table(results):
    rows = [("case", "gain of a 2nd thread", "gain of BLIS alone", "ratio", "BLIS, 1 thread", "BLIS, 2 threads")]
    for r in results:
        if "gain" in r:
            times = {str(threads): seconds for threads, seconds in r["blis_s"].items()}
            rows.append((r["case"], number(r["gain"]), number(r["blis_gain"]), number(r["gain"] / r["blis_gain"]),
                         duration(times["1"]), duration(times["2"])))
    return rows


def bits_table(results):
    rows = [("case", "threads", "runs of each", "bits")]
    for r in results:
        if "bits" in r:
            rows.append((r["case"], ", ".join(map(str, r["bits"]["threads"])), str(r["bits"]["runs"]),
                         "equal" if r["bits"]["equal"] else "DIFFER"))
    return rows


def bars_table(results):
    rows = [("case", "bar", "asked", "measured", "")]
    for r in results:
        for text, value, way, bar, met in bars(r):
            rows.append((r["case"], text, "%s %.4g" % (way, bar), "%.3g" % value, "met" if met else "missed"))
    return rows


def tables(results):
    """(title, rows) of all tables that have rows."""
    made = [("times, and peak memory of the process", times_table(results)),
            ("training a language model", tokens_table(results)),
            ("memory plan, bytes", memory_table(results)),
            ("a second thread", threads_table(results)),
            ("bits", bits_table(results)),
            ("bars", bars_table(results))]
    return [(title, rows) for title, rows in made if len(rows) > 1]


def plain(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0])] + lines[1:])


def conditions(results):
    first = results[0]
    rounds = sorted({r["rounds"] for r in results})
    return "%s; `%s`, %s rounds; %s; ours with %d thread%s; GEMM of BLIS alone %.0f GFLOP/s, copy %.1f GB/s (medians over the cases)" % (
        first["machine"], first["command"], "-".join(map(str, sorted({rounds[0], rounds[-1]}))), "times by the wall's clock" if first["clock"] == "wall" else
        "CPU time of one thread each, since the machine was busy", first["threads"], "" if first["threads"] == 1 else "s",
        statistics.median(r["gemm_flops"] for r in results) / 1e9,
        statistics.median(r["copy_bytes"] for r in results) / 1e9)


def print_tables(results):
    print("\n" + conditions(results))
    for title, rows in tables(results):
        print("\n== %s\n%s" % (title, plain(rows)))


def write_page(results):
    """Replaces the part of docs/performance.md between its marks."""
    with open(PAGE) as page:
        text = page.read()
    before, rest = text.split(PAGE_MARKS[0])
    after = rest.split(PAGE_MARKS[1])[1]
    parts = [conditions(results) + "."] + ["### %s\n\n%s" % (title.capitalize(), markdown(rows))
                                           for title, rows in tables(results)]
    with open(PAGE, "w") as page:
        page.write(before + PAGE_MARKS[0] + "\n\n" + "\n\n".join(parts) + "\n\n" + PAGE_MARKS[1] + after)


# ---- the command line ----

def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(options):
    bench = Bench(options)
    results = []
    for case in options.only or CASES:
        say("measuring %s" % case)
        result = bench.case(case)
        if not options.times:
            if case == "chain":
                bench.long_chain(result)
            if case in THREADS_CASES and bench.cpus > 1:
                bench.gain(case, result)
            bench.bits(case, result)
        results.append(result)
        if options.json:
            with open(options.json, "w") as file:
                json.dump(results, file, indent=1)
                file.write("\n")
    return results


def cases(text):
    names = text.split(",")
    for name in names:
        if name not in CASES:
            raise argparse.ArgumentTypeError("no case %s; there are %s" % (name, ", ".join(CASES)))
    return names


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="measures the cases beside their peers")
    parser.add_argument("--only", type=cases, metavar="CASE[,CASE]", help="these cases")
    parser.add_argument("--quick", action="store_true", help="few short rounds")
    parser.add_argument("--times", action="store_true", help="neither the second thread nor the bits")
    parser.add_argument("--bits", type=int, metavar="RUNS",
                        help="runs of each number of threads whose bits are compared; 20, or 2 with --quick")
    parser.add_argument("--threads", type=int, help="ours; the CPUs of this process")
    parser.add_argument("--cpu-time", action="store_true",
                        help="one thread each, by CPU time: for a machine that does other work too")
    parser.add_argument("--json", metavar="FILE", help="writes an object a case")
    parser.add_argument("--page", metavar="FILE", help="measures nothing: writes docs/performance.md from such a file")
    options = parser.parse_args()
    if options.page:
        with open(options.page) as file:
            results = json.load(file)
        write_page(results)
    else:
        results = measure(options)
        print_tables(results)


if __name__ == "__main__":
    main()
