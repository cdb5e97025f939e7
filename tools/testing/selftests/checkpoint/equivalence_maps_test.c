// SPDX-License-Identifier: GPL-2.0
/* Mappings and executables: as mmap(2), mprotect(2) and execve(2). */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define NOEXEC		EQ_DIR "/noexec"
#define PROGRAM(name)	EQ_DIR "/program-" name

/* ---- What is there ---- */

/* The least that execve() takes: it ends at once. */
static int make_program(const char *path, mode_t mode)
{
	static const unsigned char code[] = { 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
		unsigned char code[16];
	} elf = {
		.head = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
			.e_entry = 0x400000 + sizeof(elf.head) + sizeof(elf.segment),
			.e_phoff = sizeof(elf.head), .e_ehsize = sizeof(elf.head),
			.e_phentsize = sizeof(elf.segment), .e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000,
			.p_filesz = sizeof(elf), .p_memsz = sizeof(elf), .p_align = 4096,
		},
	};
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), err;

	memcpy(elf.code, code, sizeof(code));
	if (fd < 0 || write(fd, &elf, sizeof(elf)) != sizeof(elf))
		return -errno;
	/* a mapping of a page is there to the end */
	err = eq_errno(ftruncate(fd, 4096)) ?: eq_errno(fchmod(fd, mode));
	close(fd);
	return err;
}

static int make_things(void)
{
	return eq_errno(mkdir(NOEXEC, 0755)) ?:
	       eq_errno(mount("noexec", NOEXEC, "tmpfs", MS_NOEXEC, "mode=755")) ?:
	       make_program(NOEXEC "/program", 0755) ?: make_program(PROGRAM("all"), 0755) ?:
	       make_program(PROGRAM("setuid"), 04755) ?: make_program(PROGRAM("unread"), 0711) ?:
	       make_program(PROGRAM("data"), 0644) ?: make_program(PROGRAM("shared"), 0666);
}

static void remove_things(void)
{
	umount(NOEXEC);
	rmdir(NOEXEC);
	unlink(PROGRAM("all"));
	unlink(PROGRAM("setuid"));
	unlink(PROGRAM("unread"));
	unlink(PROGRAM("data"));
	unlink(PROGRAM("shared"));
}

FIXTURE(equivalence_maps) {
	struct eq eq;
};

FIXTURE_SETUP(equivalence_maps)
{
	ASSERT_EQ(0, eq_setup(&self->eq));
	ASSERT_EQ(0, make_things());
}

FIXTURE_TEARDOWN(equivalence_maps)
{
	remove_things();
	eq_teardown(&self->eq);
}

/* ---- Mappings of a file that is open to read ---- */

static int map_again(const char *path, int how, int prot, int flags)
{
	int fd = open(path, how | O_CLOEXEC), err = eq_errno(fd);

	if (err)
		return err;
	munmap(EQ_MAP, 4096);
	if (mmap(EQ_MAP, 4096, prot, flags | MAP_FIXED_NOREPLACE, fd, 0) != EQ_MAP)
		err = -errno;
	close(fd);
	return err;
}

static int ask_map(const struct eq_case *c)
{
	return map_again(c->path, c->nr, c->value, c->value2);
}

static struct ckpt_vma *find_map(struct fail_image *image)
{
	struct ckpt_vma *vma;
	int i;

	for (i = 0; ; i++) {
		vma = fail_image_data(image, fail_image_find(image, CKPT_REC_VMA, i));
		if (vma->start == (uintptr_t)EQ_MAP)
			return vma;
	}
}

static void put_map(struct fail_image *image, const struct eq_case *c)
{
	int rec = eq_find_path(image, EQ_MAPPED_FILE);
	struct ckpt_file_path *file;
	struct ckpt_vma *vma;

	eq_set_path(image, rec, c->path);
	file = fail_image_data(image, rec);
	file->file.flags = (file->file.flags & ~O_ACCMODE) | c->nr;
	vma = find_map(image);
	vma->prot = c->value;
	vma->flags = c->value2 == MAP_SHARED ? CKPT_VMA_SHARED : 0;
}

#define MAP(what, name, how, prot, kind, who, error)			\
	{ .asks = what, .axis = "cannot map", .path = name, .nr = how, .value = prot, \
	  .value2 = MAP_##kind, .may = who, .err = error, .ask = ask_map, .doctor = put_map }

static const struct eq_case maps[] = {
	MAP("a shared mapping to read", EQ_MAPPED_FILE, O_RDONLY, PROT_READ, SHARED, EQ_ALL, 0),
	MAP("a shared mapping to write, of a file open to read", EQ_MAPPED_FILE, O_RDONLY,
	    PROT_READ | PROT_WRITE, SHARED, EQ_NOBODY, EACCES),
	MAP("a private mapping to write", EQ_MAPPED_FILE, O_RDONLY,
	    PROT_READ | PROT_WRITE, PRIVATE, EQ_ALL, 0),
	MAP("a mapping of a file open to write", PROGRAM("shared"), O_WRONLY,
	    PROT_READ, PRIVATE, EQ_NOBODY, EACCES),
	MAP("a mapping to execute", PROGRAM("data"), O_RDONLY,
	    PROT_READ | PROT_EXEC, PRIVATE, EQ_ALL, 0),
	MAP("a mapping to execute, of a file system without programs", NOEXEC "/program", O_RDONLY,
	    PROT_READ | PROT_EXEC, PRIVATE, EQ_NOBODY, EPERM),
	MAP("a mapping to read, of a file system without programs", NOEXEC "/program", O_RDONLY,
	    PROT_READ, SHARED, EQ_ALL, 0),
};

EQ_TABLE(equivalence_maps, are_made_by_the_rules_of_mmap, maps);

/* Whom the file belongs to is seen when it is opened to write. */
static const struct eq_case writable[] = {
	{ .asks = "a shared mapping to write", .axis = "cannot open", .path = EQ_MAPPED_FILE,
	  .nr = O_RDWR, .value = PROT_READ | PROT_WRITE, .value2 = MAP_SHARED,
	  .may = EQ_ROOT, .err = EACCES, .ask = ask_map, .doctor = put_map },
};

EQ_TABLE(equivalence_maps, to_write_need_a_file_open_to_write, writable);

/* ---- Locked memory ---- */

/* Under the hard limit, as the soft one may be raised and lowered again. */
static int ask_lock(const struct eq_case *c)
{
	struct rlimit old, most;
	int err;

	getrlimit(RLIMIT_MEMLOCK, &old);
	most = (struct rlimit){ old.rlim_max, old.rlim_max };
	setrlimit(RLIMIT_MEMLOCK, &most);
	err = eq_errno(c->value & CKPT_VMA_LOCKONFAULT ?
		       mlock2(EQ_MAP, 4096, MLOCK_ONFAULT) : mlock(EQ_MAP, 4096));
	setrlimit(RLIMIT_MEMLOCK, &old);
	return err;
}

static void put_lock(struct fail_image *image, const struct eq_case *c)
{
	find_map(image)->flags |= c->value;
}

static int ask_lock_future(const struct eq_case *c)
{
	return eq_errno(mlockall(c->value & CKPT_MM_LOCK_ONFAULT ? MCL_FUTURE | MCL_ONFAULT :
				 MCL_FUTURE));
}

static void put_lock_future(struct fail_image *image, const struct eq_case *c)
{
	((struct ckpt_mm *)eq_record(image, CKPT_REC_MM))->flags |= c->value;
}

#define LOCKED(what, how, soft, hard, who)				\
	{ .asks = what, .axis = "object=\"memlock\"", .may = who, .clamps = true, \
	  .nr = RLIMIT_MEMLOCK, .had = { soft, hard }, .rig = eq_rig_limit,	\
	  .value = CKPT_VMA_LOCKED | (how), .ask = ask_lock, .doctor = put_lock }
#define LOCKED_FUTURE(what, how, limit, who)				\
	{ .asks = what, .axis = "object=\"memlock\"", .may = who, .clamps = true, \
	  .nr = RLIMIT_MEMLOCK, .had = { limit, limit }, .rig = eq_rig_limit,	\
	  .value = CKPT_MM_LOCK_FUTURE | (how), .ask = ask_lock_future,	\
	  .doctor = put_lock_future }

static const struct eq_case locked[] = {
	LOCKED("a locked mapping within RLIMIT_MEMLOCK", 0, 4096, 4096, EQ_ALL),
	LOCKED("a locked mapping within the hard limit", 0, 0, 4096, EQ_ALL),
	LOCKED("a locked mapping beyond RLIMIT_MEMLOCK", 0, 4095, 4095, EQ_ROOT),
	LOCKED("a locked mapping without any", CKPT_VMA_LOCKONFAULT, 0, 0, EQ_ROOT),
	LOCKED("a mapping locked on fault", CKPT_VMA_LOCKONFAULT, 8192, 8192, EQ_ALL),
	LOCKED_FUTURE("to lock what is mapped later", 0, 1, EQ_ALL),
	LOCKED_FUTURE("to lock it on fault", CKPT_MM_LOCK_ONFAULT, 1, EQ_ALL),
	LOCKED_FUTURE("to lock it without RLIMIT_MEMLOCK", 0, 0, EQ_ROOT),
};

EQ_TABLE(equivalence_maps, are_locked_within_rlimit_memlock, locked);

/* ---- The executable ---- */

/*
 * Run the program, stop it at its first instruction and put another there: who
 * can do that can make it whatever an image makes of a process.
 */
static int ask_exe(const struct eq_case *c)
{
	pid_t pid = fork();
	long entry = 0x400000 + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	int status, err = 0;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(c->path, c->path, NULL);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		return -WEXITSTATUS(status);
	if (ptrace(PTRACE_POKETEXT, pid, entry, 0x90909090L))
		err = -EACCES;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return err;
}

/* The file that is mapped becomes the executable. */
static void put_exe(struct fail_image *image, const struct eq_case *c)
{
	int rec = eq_find_path(image, EQ_MAPPED_FILE);
	struct ckpt_file_path *file;

	eq_set_path(image, rec, c->path);
	file = fail_image_data(image, rec);
	file->file.how = CKPT_FILE_EXEC;
	((struct ckpt_mm *)eq_record(image, CKPT_REC_MM))->exe = file->file.id;
}

#define EXE(what, name, who)						\
	{ .asks = what, .axis = "cannot open", .path = name, .may = who, .err = EACCES, \
	  .blind = true, .ask = ask_exe, .doctor = put_exe }

static const struct eq_case executables[] = {
	EXE("to be another program", PROGRAM("all"), EQ_ALL),
	EXE("to be a set-user-ID program", PROGRAM("setuid"), EQ_ALL),
	EXE("to be a program that it cannot read", PROGRAM("unread"), EQ_ROOT),
	EXE("to be a file that is no program", PROGRAM("data"), EQ_NOBODY),
	EXE("to be a program where none are run", NOEXEC "/program", EQ_NOBODY),
};

EQ_TABLE(equivalence_maps, and_executables_are_those_of_execve, executables);

TEST_HARNESS_MAIN
