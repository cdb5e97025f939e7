// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the clocks through the vDSO without a pause, and asks the kernel before
 * and after each time: no clock may be early or late, nor the time of day go
 * back. Writes the vDSO's address to the file "vdso" in the working directory,
 * "ready" when it is at it, and ends well after 1000 more rounds when there is
 * a file "go".
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	1000

typedef int (*gettime_fn)(clockid_t clock, struct timespec *ts);

static void *find_table(const char *base, const Elf64_Dyn *dyn, long tag)
{
	for (; dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == tag)
			return (void *)(base + dyn->d_un.d_ptr);
	return NULL;
}

/* Not through libc, which would call the kernel if it found no vDSO. */
static gettime_fn find_gettime(const char *base)
{
	const Elf64_Ehdr *ehdr = (const void *)base;
	const Elf64_Phdr *phdr = (const void *)(base + ehdr->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *sym;
	const char *names;
	int i;

	for (i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + phdr[i].p_offset);
	if (!dyn)
		return NULL;
	sym = find_table(base, dyn, DT_SYMTAB);
	names = find_table(base, dyn, DT_STRTAB);
	/* the names follow the symbols */
	for (; sym && names && (const char *)sym < names; sym++)
		if (!strcmp(names + sym->st_name, "__vdso_clock_gettime"))
			return (gettime_fn)(base + sym->st_value);
	return NULL;
}

static long long read_clock(gettime_fn gettime, clockid_t clock)
{
	struct timespec ts;

	if (gettime ? gettime(clock, &ts) : syscall(SYS_clock_gettime, clock, &ts))
		return -1;
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static const clockid_t clocks[] = {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
};

#define NR_CLOCKS ((int)(sizeof(clocks) / sizeof(clocks[0])))

static int goes_back(const char *what, long long last, long long seen)
{
	if (seen >= last)
		return 0;
	fprintf(stderr, "%s: %lld after %lld\n", what, seen, last);
	return 1;
}

static int round_is_bad(gettime_fn gettime)
{
	static long long last_real;
	long long before, seen, after;
	int i, bad = 0;

	for (i = 0; i < NR_CLOCKS; i++) {
		before = read_clock(NULL, clocks[i]);
		seen = read_clock(gettime, clocks[i]);
		after = read_clock(NULL, clocks[i]);
		bad |= before < 0 || goes_back("vDSO", before, seen) ||
		       goes_back("kernel", seen, after);
		if (clocks[i] == CLOCK_REALTIME) {
			bad |= goes_back("time of day", last_real, seen);
			last_real = seen;
		}
	}
	return bad;
}

int main(void)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	gettime_fn gettime = vdso ? find_gettime(vdso) : NULL;
	FILE *f = fopen("vdso", "w");
	int round, left = ROUNDS, bad, was_bad = 0;

	if (!gettime || !f)
		return 2;
	fprintf(f, "%p\n", vdso);
	fclose(f);
	for (round = 0; left; round++) {
		/* one round may fall into two boots, but not two in a row */
		bad = round_is_bad(gettime);
		if (bad && was_bad)
			return 1;
		was_bad = bad;
		if (round == ROUNDS)
			close(open("ready", O_WRONLY | O_CREAT, 0666));
		if (left < ROUNDS || !access("go", F_OK))
			left--;
	}
	return (const char *)getauxval(AT_SYSINFO_EHDR) != vdso;
}
