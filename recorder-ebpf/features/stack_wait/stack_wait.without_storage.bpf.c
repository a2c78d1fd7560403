// SPDX-License-Identifier: GPL-2.0
/* The same where the kernel keeps nothing with tasks or sockets for programs. */
#define WITHOUT_STORAGE
#include "stack_wait.bpf.c"
