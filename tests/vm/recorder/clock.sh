#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# The wall clock is set an hour ahead while the recorder runs, back again, and two hours ahead for
# good; then the machine is suspended for some seconds. What the recording says of both is judged
# from outside: tests/tests/kernels/clock.rs.
. /lib.sh

mark() { load mark "$1" | tee -a "$out/marks"; }

set_clock() { # set_clock SECONDS: ahead, or back where it is negative
    date -s "@$(($(date +%s) + $1))" >/dev/null || die "the clock cannot be set"
}

fall_asleep() { # fall_asleep SECONDS: until the alarm of the hardware's clock
    echo 0 >/sys/class/rtc/rtc0/wakealarm
    echo "+$1" >/sys/class/rtc/rtc0/wakealarm || die "the alarm cannot be set"
    echo mem >/sys/power/state || die "the machine cannot be suspended"
}

prepare
record
sleep 3
set_clock 3600
sleep 3
set_clock -3600
sleep 3
mark before
set_clock 7200
mark after
sleep 3
mark asleep
fall_asleep 5
mark awake
sleep 3
mark end
kill -TERM "$recorder"
wait "$recorder"
echo $? >"$out/recorder.status"
umount /disk || die "the disk cannot be unmounted"
exit 0
