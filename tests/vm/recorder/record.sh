#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# The recorder on a machine of two CPUs, through everything that may befall it there. What was
# seen is left in /disk/out, beside the recording, and judged from outside: tests/tests/kernels.
. /lib.sh

cpu1=/sys/devices/system/cpu/cpu1/online

mark() { load mark "$1" | tee -a "$out/marks"; }

# passed_over: whether /proc/stat says of some bursts that less than 1 % was user time, of which
# that CPU has no other.
passed_over() {
    awk '/^bursts/ {
        if (NR % 2 == 1) { from = $2; user = $8 }
        else if (($8 - user) * 1e7 < ($2 - from) / 100) found = 1
    } END { exit !found }' "$out/bursts"
}

prepare
uname -r >"$out/release"
nodemon-recorder check --dir "$recording" --ring-size 128MiB >"$out/check" 2>&1 || die "check failed"
mark start
record
mark recording

taskset 2 load stat >"$out/stat" &
stat=$!
# Once round a tick of 4 ms, and again where the machine was disturbed all the time.
for phase in 0 500 1000 1500 2000 2500 3000 3500 250 750 1250 1750 2250 2750 3250 3750 \
    0 500 1000 1500 2000 2500 3000 3500; do
    load bursts 0 $phase 20 >/tmp/bursts || die "the bursts failed"
    cat /tmp/bursts >>"$out/bursts"
    if [ "$phase" -ge 3500 ] && passed_over; then break; fi
done
mark spin
load spin 0 2
mark spun
# Waits for the disk.
for _ in 1 2 3 4; do
    taskset 1 dd if=/dev/zero of=/disk/file bs=256k count=16 conv=fsync 2>/dev/null
    sleep 0.3
done
kill $stat

nodemon-query --utc --dir "$recording" tables cpu >"$out/tables" 2>&1
nodemon-query --utc --dir "$recording" range -t cpu --from -2s --step 1ms -f csv \
    >"$out/range" 2>"$out/range.err"
echo $? >"$out/range.status"
if [ "$feed" = module ]; then
    rmmod nodemon >"$out/rmmod" 2>&1 && die "nodemon.ko went while it was recorded from"
fi

mark kill
kill -9 "$recorder"
wait "$recorder" 2>/dev/null
sleep 2
record
mark again

sleep 1
mark offline
echo 0 >$cpu1 || die "CPU 1 cannot be taken offline"
mark is-offline
sleep 1
mark online
echo 1 >$cpu1 || die "CPU 1 cannot be brought back"
mark is-online
sleep 2

kill -TERM "$recorder"
wait "$recorder"
echo $? >"$out/recorder.status"
mark end
nodemon-query --dir "$recording" verify >"$out/verify" 2>&1
echo $? >"$out/verify.status"
if [ "$feed" = module ]; then
    rmmod nodemon || die "nodemon.ko cannot be unloaded when nobody records"
fi
dmesg | grep -E 'BUG|WARNING|Oops|soft lockup|refcount' >"$out/complaints"
umount /disk || die "the disk cannot be unmounted"
exit 0
