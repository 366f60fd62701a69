# Adds up the lines "NAME COUNT" that the tests left and prints each sum on a line: "NAME: SUM".
NF == 2 { if (!($1 in sum)) order[++n] = $1; sum[$1] += $2 }
END { for (i = 1; i <= n; i++) printf "%s: %d\n", order[i], sum[order[i]] }
