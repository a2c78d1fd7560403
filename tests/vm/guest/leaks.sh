#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# Nothing is left of the module once it is unloaded. The machine has slub_debug=F: without, the
# kernel counts the objects of whole pages.
. /lib.sh

load_and_unload() { # load_and_unload TIMES
    i=0
    while [ "$i" -lt "$1" ]; do
        insmod "$module" slots=4096 && ring show >/dev/null && rmmod nodemon || return 1
        i=$((i + 1))
    done
}

# settle FILE: the slab caches as they are when what is free has been given back.
settle() {
    sleep 1
    echo 3 >/proc/sys/vm/drop_caches
    for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done 2>/dev/null
    sleep 1
    awk 'NR > 2 { print $1, $2 }' /proc/slabinfo | sort >"$1"
}

load_and_unload 10 # what the first time takes once and for all
settle /tmp/slabs.old
states=$(wc -l </sys/devices/system/cpu/hotplug/states)
percpu=$(awk '/^Percpu:/ { print $2 }' /proc/meminfo)
expect leak "loaded and unloaded 100 times" load_and_unload 100

# What leaks once a time is there a hundred times; the rest of the machine stays below that. What is
# freed late, by RCU or a work, is given time.
grown() {
    settle /tmp/slabs.new
    worst=$(awk 'NR == FNR { old[$1] = $2; next } { print $2 - old[$1], $1 }' \
        /tmp/slabs.old /tmp/slabs.new | sort -n | tail -n 1)
    [ "${worst%% *}" -ge 80 ]
}
tries=0
while grown && [ $tries -lt 10 ]; do tries=$((tries + 1)); done
if [ "${worst%% *}" -lt 80 ]; then
    pass "leak-slab: no cache grew by more than ${worst%% *} objects (${worst#* })"
else
    fail "leak-slab: ${worst#* } grew by ${worst%% *} objects"
fi
expect leak-vmalloc "nothing of the module in vmallocinfo" sh -c "! grep nodemon /proc/vmallocinfo"
expect leak-percpu "per-CPU memory is still $percpu kB" \
    test "$percpu" = "$(awk '/^Percpu:/ { print $2 }' /proc/meminfo)"
expect leak-hotplug "still $states hotplug states" \
    test "$states" = "$(wc -l </sys/devices/system/cpu/hotplug/states)"
expect leak-device "no node, class or number" \
    sh -c "! ls -d /dev/nodemon /sys/class/nodemon && ! grep nodemon /proc/devices"
kernel_content
exit "$failures"
