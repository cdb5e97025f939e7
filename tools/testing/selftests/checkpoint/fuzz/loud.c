// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is silently wrong: functions and variables of the kernel that are
 * not expected to be used are at addresses where nothing is, one page each.
 * unexpected.c, made by the Makefile, has their names.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel.h"
#include "loud.h"

static struct sigaction next;

void fuzz_complain(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static void fault(int sig, siginfo_t *info, void *context)
{
	unsigned long at = ((unsigned long)info->si_addr - FUZZ_UNEXPECTED) / FUZZ_PAGE;

	if (at < fuzz_nr_unexpected)
		fprintf(stderr, "fuzz: %s is reached, which has no stub\n", fuzz_unexpected[at]);
	next.sa_sigaction(sig, info, context);
}

void fuzz_be_loud(void)
{
	struct sigaction new = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (mmap((void *)FUZZ_UNEXPECTED, fuzz_nr_unexpected * FUZZ_PAGE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ||
	    sigaction(SIGSEGV, &new, &next))
		fuzz_complain("no room for what is not expected");
}
