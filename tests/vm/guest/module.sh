#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# The module on a machine of two CPUs. How long samples are followed is on the kernel's
# command line: seconds=N.
. /lib.sh

seconds=$(sed -n 's/.*seconds=\([0-9]*\).*/\1/p' /proc/cmdline)
cpu1=/sys/devices/system/cpu/cpu1/online

bad_parameters() {
    for parameter in interval_us=0 interval_us=99 interval_us=1000001 slots=0 slots=32 \
        slots=1000 slots=131072 cpu=99 cpu=-2 gid=4294967295 interval_us=abc slots=-5; do
        dmesg -c >/dev/null
        refuse parameter "$parameter" insmod "$module" "$parameter"
        if dmesg | grep -qE "nodemon: (${parameter%%=*}=|\`.*' invalid for parameter)"; then
            pass "message: $(dmesg | grep 'nodemon: ' | tail -n 1 | sed 's/^[^]]*\] //')"
        else
            fail "message: none about $parameter"
        fi
    done
    expect parameter "nothing is left of those refused" test ! -e /dev/nodemon
    for parameters in "interval_us=100" "interval_us=1000000" "slots=64" "slots=65536" "cpu=0"; do
        expect parameter "$parameters is taken" insmod "$module" "$parameters"
        expect parameter "$parameters goes again" rmmod nodemon
    done
}

header_says() {
    load gid=1234 interval_us=1000 cpu=1
    is header 1 version
    is header 1024 slots
    is header 2 cpus
    is header 1 producer
    is header 1000000 interval_ns
    # States, idle, softirqs, irqs, load, memory, page cache, cost; neither switches, running nor buffers.
    is header 0x3cf present
    is header 4000000 tick_ns
    # Exact to a microsecond, but not on the CPU whose tick goes on, in kernels that keep it in cpustat.
    case $(uname -r) in
    7.*) is header 4000000 idle_quantum_ns ;;
    *) is header 1000 idle_quantum_ns ;;
    esac
    is header 4000000 state_quantum_ns
    is header 4096 page_bytes
    is header 1 timer_cpu
    is header 1 online0
    is header 1 online1
}

unload_refused() {
    ring hold >/tmp/hold &
    until grep -q held /tmp/hold; do sleep 0.1; done
    refuse unload "unloading while mapped" rmmod nodemon
    kill $!
    wait $! 2>/dev/null
    exec 3</dev/nodemon
    refuse unload "unloading while open" rmmod nodemon
    exec 3<&-
    expect unload "unloading when neither" rmmod nodemon
    expect unload "the node is gone" test ! -e /dev/nodemon
}

# What interrupts CPU 0, in interrupts since boot: of the line NAME.
interrupts_of() { awk -v name="$1:" '$1 == name { print $2 }' /proc/interrupts; }

# CPU 1 samples; CPU 0 has nothing to do and must be left alone.
leaves_alone() {
    calls=$(interrupts_of CAL) works=$(interrupts_of IWI) timers=$(interrupts_of LOC)
    sleep 2
    calls=$(($(interrupts_of CAL) - calls)) works=$(($(interrupts_of IWI) - works))
    timers=$(($(interrupts_of LOC) - timers))
    if [ $((calls + works)) -lt 50 ] && [ "$timers" -lt 500 ]; then
        pass "interrupts: in 2 s CPU 0 had $calls calls, $works works, $timers timers"
    else
        fail "interrupts: in 2 s CPU 0 had $calls calls, $works works, $timers timers"
    fi
}

cpus_come_and_go() {
    ring follow 8 >/tmp/follow &
    sleep 1
    echo 0 >$cpu1
    is hotplug 0 timer_cpu
    is hotplug 0 online1
    is hotplug 1 online0
    echo 1 >$cpu1
    is hotplug 1 timer_cpu
    is hotplug 1 online1
    for _ in 1 2 3 4 5; do
        echo 0 >$cpu1
        echo 1 >$cpu1
    done
    # Kernels that count from 0 again would leave it standing until they are where they were.
    idle_ms=$(header idle_ms1)
    sleep 1
    idle_ms=$(($(header idle_ms1) - idle_ms))
    if [ $idle_ms -ge 100 ]; then
        pass "hotplug-idle: CPU 1 is idle again, $idle_ms ms in a second"
    else
        fail "hotplug-idle: CPU 1 is back, but idle for $idle_ms ms in a second"
    fi
    wait $! || failures=1
    sed 's/follow/hotplug-follow/' /tmp/follow
    rmmod nodemon

    echo 0 >$cpu1
    load cpu=1
    is hotplug-before 0 timer_cpu
    echo 1 >$cpu1
    is hotplug-before 1 timer_cpu
    rmmod nodemon

    load cpu=0
    echo 0 >$cpu1
    is hotplug-other 0 timer_cpu
    echo 1 >$cpu1
    is hotplug-other 0 timer_cpu
    rmmod nodemon
}

bad_parameters
header_says
ring_test map 1234
ring_test truth
ring_test wakes
ring_test readers 3
leaves_alone
ring_test bursts 4
ring_test follow "$seconds"
ring_test follow "$seconds" busy
cpus_come_and_go
load interval_us=250 slots=64 cpu=1
ring_test torn 5
unload_refused
kernel_content
exit "$failures"
