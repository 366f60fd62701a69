# Makes docs/ops.md of two inputs: the lines of op_facts (NAME HOW DERIVATIVE NAN INF MINUS-INF), and those of
# prototypes.awk (FILE NAME RETURNS WHERE COMMENT).
BEGIN {
    FS = "\t"
    print "# Ops"
    print ""
    print "Written by `scripts/make-ops-page` from the headers and the table of ops; what holds for all of them stands at"
    print "the head of [ops.h](../include/bowline/ops.h). Reals are f32 and f64, numbers also i32 and i64. A derivative of"
    print "any order is made of ops that are in these tables; zero means that the op is constant wherever it has a"
    print "derivative. An op runs as a kernel, as a view without a copy, or as the other ops that it is recorded as."
}

FNR == NR {
    how[$1] = $2; derivative[$1] = $3; nan[$1] = $4; inf[$1] = $5; minus[$1] = $6
    names[++count] = $1
    next
}

# The entry that a builder records: its own, or that of the builder it is a longer form of.
function entry(name,    n) {
    if (name in how)
        return name
    n = name
    while (sub(/_[a-z0-9]+$/, "", n))
        if (n in how)
            return n
    return ""
}

$2 == "-" {
    title = $5
    gsub(/^\/\* *|\*\/$|What (ops\.h|holds).*/, "", title)
    sub(/^Ops: /, "", title)
    split(title, sentence, /[.:] /)
    sub(/\.? *$/, "", sentence[1])
    printf "\n## %s%s\n\n[%s](../%s)\n\n", toupper(substr(sentence[1], 1, 1)), substr(sentence[1], 2), substr($1, 17), $1
    print "| builder | what it computes | derivative | runs as | PyTorch |"
    print "|---|---|---|---|---|"
    next
}

$3 ~ /bl_tensor|bl_status/ {
    text = $5
    gsub(/^\/\* *| *\*\/$/, "", text)
    torch = ""
    if (match(text, /PyTorch: [A-Za-z0-9_.]+[A-Za-z0-9_]/)) {
        torch = "`" substr(text, RSTART + 9, RLENGTH - 9) "`"
        text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH + 1)
    }
    gsub(/\|/, "\\|", text)
    gsub(/ +$/, "", text)
    name = substr($2, 4)
    e = entry(name)
    printf "| `%s` | %s | %s | %s | %s |\n", $2, text, e ? derivative[e] : "any order", e ? how[e] : "other ops", torch
}

END {
    print "\n## NaN and infinity\n"
    print "What becomes of the elements of the result that depend on it when one element of the first operand is NaN or"
    print "infinite, in a random sample that the op's own entry draws; *finite* is any other number, *as before* means that"
    print "nothing depended on it, and a dash that the op has no float operand. Leaves and effects, which are not here, keep"
    print "each as it is.\n"
    print "| op | NaN | inf | -inf |"
    print "|---|---|---|---|"
    for (i = 1; i <= count; i++)
        if (how[names[i]] != "leaf" && how[names[i]] != "effect")
            printf "| `%s` | %s | %s | %s |\n", names[i], nan[names[i]], inf[names[i]], minus[names[i]]
}
