# The rules of the house that no compiler holds. Called by tidy.sh with the files as arguments, their names relative
# to the top of the tree. Prints "file:line: text <- rule" for each line that breaks one.
# With -v list=1 it prints the rules instead: lint_test.sh plants a fault for each.

# A rule of lines. kind: include (an include directive, comments taken out), code (comments and the text of strings
# taken out), text (the line as it is). where: the paths it holds for; may: the paths that may all the same.
function ban(kind, regex, rule, where, may)
{
    n_bans++
    ban_kind[n_bans] = kind
    ban_regex[n_bans] = regex
    ban_rule[n_bans] = rule
    ban_where[n_bans] = where
    ban_may[n_bans] = may
    add_rule(rule)
}

function add_rule(rule)
{
    if (!(rule in is_rule)) {
        is_rule[rule] = 1
        rules[++n_rules] = rule
    }
}

function calls(names) { return "(^|[^A-Za-z0-9_.>])(" names ")[ \t]*[(]" }

BEGIN {
    rooms = "^(common|proto|worker|server)/.*[.][ch]$"
    c_files = "^(common|proto|worker|server|tests)/.*[.][ch]$"
    ours = "."

    ban("include", "\"([^\"]*/)?[.][.]/", "no relative include", c_files)
    ban("include", "<uv[.]h>|<uv/", "libuv only in transport, app and ctl", rooms,
        "^common/transport/|/app/|^server/ctl/")
    ban("include", "[<\"](cblas|lapacke?|f77blas|openblas_config)[.]h", "BLAS and LAPACK only in linalg", rooms,
        "^common/linalg/")
    ban("include", "[<\"]mpi[.]h", "MPI only in agent and group", rooms, "^worker/(agent|group)/")
    ban("include", "[.]pb-c[.]h|<protobuf-c/", "generated code only in proto", c_files, "^proto/")
    ban("include", "<jansson", "JSON only in config, tensor_file, checkpoint, control, ctl, bootstrap, task and tool", rooms,
        "^common/(config|tensor_file)/|^server/(checkpoint|control|ctl)/|^worker/(bootstrap|task|tool)/")
    ban("include", "<cyaml/|<yaml[.]h>", "YAML only in config", rooms, "^common/config/")
    ban("include", "<hwloc", "hwloc only in place", rooms, "^common/place/")
    ban("include", "<zlib[.]h>", "zlib only in data", rooms, "^worker/data/")
    ban("include", "<csv[.]h>", "libcsv only in data", rooms, "^worker/data/")
    ban("include", "[<\"]sqlite3(ext)?[.]h", "SQLite only in ledger", rooms, "^server/ledger/")
    ban("include", "<isa-l|<xxhash", "checksums and digests only in base", rooms, "^common/base/")
    ban("include", "<assert[.]h>", "VX_ASSERT instead of assert", rooms)

    ban("code", calls("malloc|calloc|realloc|reallocarray|free|aligned_alloc|posix_memalign|strdup|strndup|" \
                      "asprintf|vasprintf|getline|getdelim"),
        "the heap only through vx_base/alloc.h", rooms, "^common/base/")
    ban("code", calls("rand|srand|rand_r|random|srandom|drand48|lrand48"),
        "random numbers only through vx_base/rng.h", rooms, "^common/base/")
    ban("code", calls("time|gettimeofday|clock|clock_gettime|localtime|gmtime|ctime|asctime"),
        "the clock only through vx_base/clock.h", rooms, "^common/base/")
    ban("code", calls("uv_(loop_(init|close)|run|now|update_time|close|is_closing|timer_[a-z_]+|tcp_[a-z_]+|read_[a-z]+|" \
                      "write|shutdown|getaddrinfo|freeaddrinfo|cancel|queue_work|signal_[a-z]+|spawn|process_kill|" \
                      "poll_[a-z]+)|getrandom|accept4|listen"),
        "loop, sockets and secrets only through the tables of the reactor and vx_base/random.h", rooms,
        "^common/transport/reactor[.]c$|^common/base/random[.]c$|^server/ctl/")
    ban("code", calls("open|openat|creat|fopen|freopen|opendir|rename|renameat|renameat2|fsync|fdatasync|unlink|" \
                      "unlinkat|remove|mkdir|mkdirat|mkdtemp|mkstemp|mkostemp|rmdir|truncate|ftruncate|pwrite|flock|" \
                      "chmod|fchmod"),
        "files only through vx_base/file.h and vx_base/files.h", rooms,
        "^common/base/|^worker/data/idx[.]c$|^server/app/run_dir[.]c$|^server/ctl/(child|launch|run|worker_log)[.]c$|^worker/agent/folder[.]c$")
    ban("code", calls("exit|quick_exit|atexit"), "only main ends the program, by return", rooms)
    ban("code", calls("abort"), "VX_ASSERT instead of abort", rooms, "^common/base/assert[.]c$")
    ban("code", calls("sprintf|vsprintf|strcpy|stpcpy|strcat|strncat|strtok|gets|alloca|tmpnam|mktemp"),
        "no function that writes without a bound", rooms)
    ban("code", calls("atoi|atol|atoll|atof"), "no conversion that hides its errors", rooms)
    ban("code", calls("system|popen"), "no shell", rooms)
    ban("code", calls("printf|vprintf|puts|putchar|perror|vx_log_event"), "only app, ctl and tool print and log", rooms,
        "/app/|^server/ctl/|^worker/tool/|^common/base/log[.]c$|^common/base/include/vx_base/log[.]h$")
    ban("code", calls("assert_float_equal|assert_double_equal|assert_float_not_equal"),
        "vx_assert_close: cmocka compares as float", "^tests/.*[.][ch]$")

    ban("text", "\t", "no tab", "[.]([ch]|sh|py|cmake|ya?ml|json|md|proto)$|CMakeLists[.]txt$|^deploy/[a-z]*$")
    ban("text", "[ \t\r]$", "no space at the end of a line", ours)
    ban("text", "(^|[^A-Za-z])(TO[D]O|FIX[M]E)([^(A-Za-z]|$|[(][^#]|[(]#[^0-9])", "no TO" "DO without a number",
        ours)
    ban("text", "-Ofa[s]t|-ffast-m[a]th", "no fast math: tests for NaN must work", ours)
    ban("text", "(^|[^A-Za-z0-9_.])/(ro[o]t|wo[r]k|home/[a-z]+|Users/[A-Za-z]+)/", "no path of one machine", ours)
    ban("text", "[Cc]o-[Aa]uthored-[Bb]y|[Gg]enerated (with|by) (an? )?(AI|LLM|[Aa]ssistant)|[Aa]s an AI|" \
                "[Cc]l[a]ude|[Aa]nthr[o]pic|[Cc]hatG[P]T|[Oo]penA[I]|[Gg]em[i]ni|GitHub [C]opilot",
        "no word about the tools of an author", ours)

    line_max = 100
    file_max = 500
    add_rule(rule_line = "at most " line_max " columns")
    add_rule(rule_file = "at most " file_max " lines a file")
    add_rule(rule_guard = "the guard is VX_<ROOM>_<FILE>_H")
    add_rule(rule_name = "a name of [A-Za-z0-9_.-] only")

    if (list) {
        for (i = 1; i <= n_rules; i++)
            print rules[i]
        exit
    }
}

function report(file, line, text, rule)
{
    printf "%s:%d: %s <- %s\n", file, line, text, rule
}

# The line without comments, and with "" for each string when strings are not kept. in_comment lives across lines.
function code_of(line, keep_strings,    out, rest)
{
    rest = line
    out = ""
    while (rest != "") {
        if (in_comment) {
            if (!match(rest, /\*\//))
                return out
            rest = substr(rest, RSTART + 2)
            in_comment = 0
        } else if (match(rest, /\/\*|\/\/|"|'/)) {
            out = out substr(rest, 1, RSTART - 1)
            rest = substr(rest, RSTART)
            if (substr(rest, 1, 2) == "/*") {
                in_comment = 1
                rest = substr(rest, 3)
                out = out " "
            } else if (substr(rest, 1, 2) == "//") {
                return out
            } else if (match(rest, /^"([^"\\]|\\.)*"/) || match(rest, /^'([^'\\]|\\.)*'/)) {
                out = out (keep_strings ? substr(rest, 1, RLENGTH) : "\"\"")
                rest = substr(rest, RLENGTH + 1)
            } else {
                return out
            }
        } else {
            return out rest
        }
    }
    return out
}

# The guard of header FILE, as a regular expression. A private header may say PRIVATE, when a public one has its name.
function guard_of(file,    parts, n, name, room, private)
{
    n = split(file, parts, "/")
    name = parts[n]
    sub(/[.]h$/, "", name)
    private = ""
    if (parts[n - 1] == "vexil") # of the library for other programs
        return "VEXIL_" toupper(name) "_H"
    if (n >= 3 && parts[n - 2] == "include") {
        room = substr(parts[n - 1], 4) # without vx_
    } else if (parts[1] == "tests") {
        room = "[A-Z0-9_]*"
    } else {
        room = parts[2] == "app" ? parts[1] "_app" : parts[2]
        private = "(PRIVATE_)?"
    }
    gsub(/[^A-Za-z0-9]/, "_", name)
    return "^VX_" (room ~ /^\[/ ? room : toupper(room) "_") private toupper(name) "_H$"
}

function end_of_file()
{
    if (header && guard_state != 2)
        report(file, 1, guard, rule_guard)
}

FNR == 1 {
    end_of_file()
    file = FILENAME
    sub(/^[.]\//, "", file)
    in_comment = 0
    is_c = file ~ c_files
    header = is_c && file ~ /[.]h$/
    guard_state = 0 # 1 after #ifndef of the right name, 2 after #define
    guard = ""
    is_narrow = is_c || file ~ /[.](sh|py)$/
    n_active = 0
    for (i = 1; i <= n_bans; i++)
        if (file ~ ban_where[i] && (ban_may[i] == "" || file !~ ban_may[i]))
            active[++n_active] = i
    if (file ~ /[^A-Za-z0-9_.\/-]/)
        report(file, 1, "", rule_name)
}

{
    include = ""
    code = ""
    if (is_c) {
        if (!in_comment && $0 ~ /^[ \t]*#[ \t]*include/)
            include = code_of($0, 1)
        else
            code = code_of($0, 0)
    }
    for (i = 1; i <= n_active; i++) {
        b = active[i]
        subject = ban_kind[b] == "text" ? $0 : (ban_kind[b] == "code" ? code : include)
        if (subject != "" && subject ~ ban_regex[b])
            report(file, FNR, $0, ban_rule[b])
    }
    if (is_narrow && length($0) > line_max)
        report(file, FNR, $0, rule_line)
    if (is_c && FNR == file_max + 1)
        report(file, FNR, $0, rule_file)
}

header && guard_state == 0 && code ~ /^#/ {
    guard = $2
    guard_state = code ~ /^#ifndef / && guard ~ guard_of(file) ? 1 : -1
    next
}

header && guard_state == 1 {
    guard_state = code ~ /^#define / && $2 == guard ? 2 : -1
}

END {
    if (!list)
        end_of_file()
}
