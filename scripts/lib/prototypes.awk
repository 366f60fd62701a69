# Reads public headers; a line for each prototype: FILE NAME RETURNS WHERE COMMENT, separated by tabs, where
# WHERE is the line and COMMENT the block directly above, on one line ("" when there is none). Before them a
# line for each file: FILE, "-", "-", 1 and the block that the file opens with.

function flat(text) {
    gsub(/[ \t\n]*\n *\*?[ \t]*/, " ", text)
    return text
}

FNR == 1 { comment = ""; head = 1; inside = 0; prototype = "" }

inside || (prototype == "" && /^ *\/\*/) {
    comment = inside ? comment "\n" $0 : $0
    inside = !/\*\//
    if (!inside && head) {
        print FILENAME "\t-\t-\t1\t" flat(comment)
        head = 0
        comment = ""
    }
    next
}

prototype == "" && /^BL_API / { where = FNR; prototype = $0; if (prototype !~ /;/) next }
prototype != "" && where != FNR { prototype = prototype " " $0 }
prototype != "" && /;/ {
    match(prototype, /bl_[a-z0-9_]*\(/)
    name = substr(prototype, RSTART, RLENGTH - 1)
    returns = substr(prototype, 8, RSTART - 8)
    print FILENAME "\t" name "\t" returns "\t" where "\t" flat(comment)
    prototype = ""
    comment = ""
    next
}
prototype == "" { comment = "" }
