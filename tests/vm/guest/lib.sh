# shellcheck shell=dash
# What the scripts in the machine share. A test prints one line, `pass NAME: ...` or
# `FAIL NAME: ...`; tests/vm/module-test counts them.

# shellcheck disable=SC2034 # for the scripts
module=/nodemon.ko
failures=0

pass() { echo "pass $*"; }

fail() {
    echo "FAIL $*"
    failures=1
}

# expect NAME WHAT COMMAND...: passes when the command succeeds.
expect() {
    expect_name=$1 expect_what=$2
    shift 2
    if "$@" >/tmp/expect 2>&1; then
        pass "$expect_name: $expect_what"
    else
        fail "$expect_name: $expect_what: $(tail -n 1 /tmp/expect)"
    fi
}

# refuse NAME WHAT COMMAND...: passes when the command fails.
refuse() {
    refuse_name=$1 refuse_what=$2
    shift 2
    if "$@" >/tmp/refuse 2>&1; then
        fail "$refuse_name: $refuse_what was not refused"
    else
        pass "$refuse_name: $refuse_what: $(tail -n 1 /tmp/refuse)"
    fi
}

# A test of the program `ring`, which prints lines of its own.
ring_test() { ring "$@" || failures=1; }

# header NAME: a value of `ring show`.
header() { ring show | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# load PARAMETERS...: a test that cannot load has nothing to go on with.
load() {
    insmod "$module" "$@" && return
    dmesg | tail -n 5
    fail "load: nodemon.ko $* cannot be loaded"
    exit 1
}

# is NAME EXPECTED WHAT: passes when `header WHAT` is as expected.
is() {
    is_value=$(header "$3")
    if [ "$is_value" = "$2" ]; then
        pass "$1: $3 is $2"
    else
        fail "$1: $3 is '$is_value', not $2"
    fi
}

kernel_content() {
    if dmesg | grep -E 'BUG|WARNING|Oops|soft lockup|refcount'; then
        fail "kernel: complains, see above"
    else
        pass "kernel: has nothing to complain of"
    fi
}
