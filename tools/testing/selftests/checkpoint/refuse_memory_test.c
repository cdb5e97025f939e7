// SPDX-License-Identifier: GPL-2.0
/*
 * What cannot be saved is refused by name. Here: address spaces. See also
 * refuse_test.c and refuse_task_test.c.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "fail.h"
#include "fail_refuse.h"

static void *map(int prot, int flags)
{
	return mmap(NULL, 1 << 21, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int shm(const char *a)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	void *at = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	return made(id) ?: made(at == (void *)-1 ? -1 : 0);
}

static int sleeper(void *arg)
{
	for (;;)
		pause();
	return 0;
}

static int shared_memory(const char *a)
{
	static char stack[65536];

	return made(clone(sleeper, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL));
}

/* The vDSO, as a whole: a part of it is another special mapping. */
static size_t find_vdso(void **start)
{
	unsigned long at = getauxval(AT_SYSINFO_EHDR), from = 0, end = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	while (f && from != at && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &from, &end) != 2)
			break;
	if (f)
		fclose(f);
	*start = (void *)at;
	return end - at;
}

static int vdso_to_write(const char *a)
{
	void *vdso;
	size_t len = find_vdso(&vdso);

	return made(mprotect(vdso, len, PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* Nothing but a page of its own says so. */
static int vdso_written(const char *a)
{
	volatile char *vdso;
	size_t len = find_vdso((void **)&vdso);

	if (mprotect((void *)vdso, len, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	vdso[len - 1] = 1;
	return made(mprotect((void *)vdso, len, PROT_READ | PROT_EXEC));
}

static int vdso_not_to_fork(const char *a)
{
	void *vdso;
	size_t len = find_vdso(&vdso);

	return made(madvise(vdso, len, MADV_DONTFORK));
}

/* The kernel goes on to know where it was. The data before it stay. */
static int vdso_without_code(const char *a)
{
	void *vdso;
	size_t len = find_vdso(&vdso);

	return made(munmap(vdso, len));
}

static int vdso_without_data(const char *a)
{
	void *vdso;

	find_vdso(&vdso);
	/* four pages in front of the code; the kernel lets nobody unmap some of them */
	return made(munmap(vdso - 4 * 4096, 4 * 4096));
}

/* Written, and not to be written any more. */
static int huge_pages(const char *a)
{
	char *mem;

	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (f) {
		fputs("2", f);
		fclose(f);
	}
	mem = map(PROT_READ | PROT_WRITE, MAP_HUGETLB);
	if (mem == MAP_FAILED)
		return FAIL_SKIP;
	*mem = 1;
	return made(mprotect(mem, 1 << 21, PROT_READ));
}

static int ldt(const char *a)
{
	struct user_desc desc = { .entry_number = 0, .limit = 4095, .seg_32bit = 1 };

	return made(syscall(SYS_modify_ldt, 1, &desc, sizeof(desc)));
}


static int bound_memory(const char *a)
{
	unsigned long nodes = 1;

	return made(syscall(SYS_mbind, map(PROT_READ, 0), 4096, MPOL_BIND, &nodes,
			    8 * sizeof(nodes), 0));
}

static int faults_of_users(const char *a)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range = { .start = (unsigned long)map(PROT_READ | PROT_WRITE, 0), .len = 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	return made(fd) ?: made(ioctl(fd, UFFDIO_API, &api)) ?:
	       made(ioctl(fd, UFFDIO_REGISTER, &area));
}

/* The BIOS, which any kernel lets be read. */
static int device_memory(const char *a)
{
	int fd = open("/dev/mem", O_RDONLY);

	return made(fd) ?:
	       made(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0xf0000) == MAP_FAILED ? -1 : 0);
}

/* An instruction that is not emulated: it runs in a page that uprobes map. */
int probed(void);
asm("probed:\n\tmov $1, %eax\n\tret\n");

static unsigned long offset_in_file(unsigned long addr)
{
	unsigned long start, end, offset, found = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &offset) == 3 &&
		    addr >= start && addr < end)
			found = addr - start + offset;
	if (f)
		fclose(f);
	return found;
}

static int type_of_uprobes(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	int type = -1;

	if (f && fscanf(f, "%d", &type) != 1)
		type = -1;
	if (f)
		fclose(f);
	return type;
}

static int breakpoint(const char *a)
{
	char self[256] = "";
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type_of_uprobes(),
		.uprobe_path = (unsigned long)self,
		.probe_offset = offset_in_file((unsigned long)probed),
	};

	if ((int)attr.type < 0)
		return FAIL_SKIP;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return errno;
	return made(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0)) ?:
	       (probed() == 1 ? 0 : EFAULT);
}

#define T(name) { #name, name }
const struct fail_target fail_targets[] = {
	T(shm), T(shared_memory), T(vdso_to_write), T(vdso_written), T(vdso_not_to_fork),
	T(vdso_without_code), T(vdso_without_data), T(huge_pages), T(bound_memory),
	T(faults_of_users), T(device_memory), T(breakpoint), T(ldt),
	{ }
};

REFUSED(shm, "addr=");
REFUSED(shared_memory, OBJECT("mm"), "CLONE_VM");
REFUSED(vdso_to_write, OBJECT("vDSO"), "addr=");
REFUSED(vdso_written, OBJECT("vDSO"), "was written to");
REFUSED(vdso_not_to_fork, OBJECT("vDSO"), "addr=");
REFUSED(vdso_without_code, OBJECT("vDSO"), "a part of it was unmapped", "addr=");
REFUSED(vdso_without_data, OBJECT("vDSO"), "a part of it was unmapped", "addr=");
REFUSED(huge_pages, OBJECT("huge pages"), "addr=");
REFUSED(ldt, OBJECT("LDT"));
REFUSED(bound_memory, OBJECT("memory policy"), "addr=");
REFUSED(faults_of_users, OBJECT("userfaultfd"), "addr=");
REFUSED(device_memory, OBJECT("mapping"), "pfnmap", "addr=");
REFUSED(breakpoint, OBJECT("uprobes"));

TEST_F(refused, page_of_breakpoints)
{
	refuse(_metadata, self, "breakpoint",
	       (const char *const []){ OBJECT("mapping"), "special mapping", "addr=", NULL });
}

TEST_HARNESS_MAIN
