#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2154 # lib.sh is beside it in the machine
# The module on a machine that counts idle time by ticks (nohz=off) and has 64 CPUs,
# two of which it uses (maxcpus=2).
. /lib.sh

refuse ring-too-large "65536 slots for 64 CPUs" insmod "$module" slots=65536
expect ring-too-large "the message says so" sh -c 'dmesg | grep "nodemon: slots=65536 takes .* MiB with 64 CPUs"'
load interval_us=1000
is ticks 4000000 idle_quantum_ns
is ticks 64 cpus
is ticks 1 online1
is ticks 0 online2
is ticks 0 online63
ring_test truth
ring_test follow 3
expect ticks "unloading" rmmod nodemon
kernel_content
exit "$failures"
