# Reads ctest's log of a run (Testing/Temporary/LastTest.log) and prints "PASSED FAILED": an entry that is a
# Criterion program counts as the tests it holds, any other as one; an entry that failed counts at least one
# failure even when its tests do not own up to it, and one that was skipped counts nothing.
function close_entry() {
    if (!open) return
    if (!counted) good = entry_failed || skipped ? 0 : 1
    if (entry_failed && bad == 0) bad = 1
    passed += good
    failed += bad
    open = 0
}
/^[0-9]+\/[0-9]+ Testing: / { close_entry(); open = 1; counted = good = bad = entry_failed = skipped = 0 }
/Synthesis: Tested: / {
    for (i = 1; i < NF; i++) {
        if ($i == "Passing:") good = $(i + 1)
        if ($i == "Failing:" || $i == "Crashing:") bad += $(i + 1)
    }
    counted = 1
}
/^SKIPPED: / { skipped = 1 }
/^Test (Failed|Timeout|Not Run|timed out)/ { entry_failed = 1 }
END { close_entry(); print passed + 0, failed + 0 }
