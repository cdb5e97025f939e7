// SPDX-License-Identifier: GPL-2.0
/* Files, directories and devices: as open(2), chdir(2) and chroot(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "equivalence.h"

#define ROOTS	(EQ_ROOT | EQ_NSROOT)

#define AT(name)	EQ_DIR "/" name
#define LARGEFILE	0100000		/* which F_GETFL shows, and libc hides */
#define HIDDEN		"/tmp/equivalence-hidden"

/* ---- What is there ---- */

static const struct thing {
	const char *path;
	mode_t mode;
	uid_t owner;
	int minor;		/* of a memory device, major 1 */
} things[] = {
	{ AT("secret"), S_IFREG | 0600 }, { AT("mine"), S_IFREG | 0600, EQ_UID },
	{ AT("ours"), S_IFREG | 0600, EQ_MAPPED }, { AT("execute-only"), S_IFREG | 0711 },
	{ AT("setuid"), S_IFREG | 04755 }, { AT("append"), S_IFREG | 0666 },
	{ AT("immutable"), S_IFREG | 0666 }, { AT("closed"), S_IFDIR | 0700 },
	{ AT("closed/file"), S_IFREG | 0644 }, { AT("unreadable"), S_IFDIR | 0711 },
	{ AT("open"), S_IFDIR | 0755 }, { AT("root"), S_IFDIR | 0755 },
	{ AT("root/proc"), S_IFDIR | 0755 }, { AT("fifo"), S_IFIFO | 0666 },
	{ AT("null"), S_IFCHR | 0666, 0, 3 },
	{ AT("secret-null"), S_IFCHR | 0600, 0, 3 },
	{ AT("kmsg"), S_IFCHR | 0666, 0, 11 },
	{ HIDDEN, S_IFREG | 0644 },
};

static int make(const struct thing *thing)
{
	int err = S_ISDIR(thing->mode) ? mkdir(thing->path, 0700) :
					 mknod(thing->path, thing->mode, makedev(1, thing->minor));

	return eq_errno(err) ?: eq_errno(chown(thing->path, thing->owner, thing->owner)) ?:
	       eq_errno(chmod(thing->path, thing->mode & 07777));
}

static int set_flag(const char *path, int flag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	err = eq_errno(ioctl(fd, FS_IOC_SETFLAGS, &flag));
	close(fd);
	return err;
}

static int make_things(void)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(things) / sizeof(*things); i++)
		err = make(&things[i]);
	return err ?: eq_errno(mount("proc", AT("root/proc"), "proc", 0, NULL)) ?:
	       set_flag(AT("append"), FS_APPEND_FL) ?:
	       set_flag(AT("immutable"), FS_IMMUTABLE_FL);
}

static void remove_things(void)
{
	size_t i = sizeof(things) / sizeof(*things);

	set_flag(AT("append"), 0);
	set_flag(AT("immutable"), 0);
	umount(AT("root/proc"));
	while (i--)
		remove(things[i].path);
}

FIXTURE(equivalence_files) {
	struct eq eq;
};

FIXTURE_SETUP(equivalence_files)
{
	ASSERT_EQ(0, eq_setup(&self->eq));
	ASSERT_EQ(0, make_things());
}

FIXTURE_TEARDOWN(equivalence_files)
{
	remove_things();
	eq_teardown(&self->eq);
}

/* ---- Opening ---- */

static int ask_file(const struct eq_case *c)
{
	int fd = open(c->path, c->nr | O_NOCTTY), err = eq_errno(fd);

	if (err)
		return err;
	err = eq_errno(dup2(fd, EQ_FD_FILE));
	close(fd);
	return err;
}

static void put_file(struct fail_image *image, const struct eq_case *c)
{
	int rec = eq_find_path(image, EQ_FILE);
	struct ckpt_file_path *file;

	eq_set_path(image, rec, c->path);
	file = fail_image_data(image, rec);
	file->file.flags = c->nr | LARGEFILE;
}

#define FILE_ROW(what, name, how, who, error, ...)			\
	{ .asks = what, .axis = "cannot open", .path = name, .nr = how, .may = who, \
	  .err = error, .ask = ask_file, .doctor = put_file, __VA_ARGS__ }

static const struct eq_case files[] = {
	FILE_ROW("to read what all may read", EQ_FILE, O_RDONLY, EQ_ALL, EACCES),
	FILE_ROW("to write what root may write", EQ_FILE, O_WRONLY, EQ_ROOT, EACCES),
	FILE_ROW("to read and write what root may write", EQ_FILE, O_RDWR, EQ_ROOT, EACCES),
	FILE_ROW("to append to what root may write", EQ_FILE, O_WRONLY | O_APPEND, EQ_ROOT, EACCES),
	FILE_ROW("root's secret", AT("secret"), O_RDONLY, EQ_ROOT, EACCES),
	FILE_ROW("to write root's secret", AT("secret"), O_WRONLY, EQ_ROOT, EACCES),
	FILE_ROW("the user's file", AT("mine"), O_RDWR, EQ_ALL, EACCES),
	FILE_ROW("a file of the user namespace", AT("ours"), O_RDWR, ROOTS, EACCES),
	FILE_ROW("to read a program that is for execution", AT("execute-only"), O_RDONLY,
		 EQ_ROOT, EACCES),
	FILE_ROW("to read a set-user-ID program", AT("setuid"), O_RDONLY, EQ_ALL, EACCES),
	FILE_ROW("to write a set-user-ID program", AT("setuid"), O_WRONLY, EQ_ROOT, EACCES),
	FILE_ROW("a file in a closed directory", AT("closed/file"), O_RDONLY, EQ_ROOT, EACCES),
	FILE_ROW("a file that is not there", AT("nothing"), O_RDONLY, EQ_NOBODY, ENOENT),
	FILE_ROW("one's own file, unnoticed", AT("mine"), O_RDONLY | O_NOATIME, EQ_ALL, EPERM),
	FILE_ROW("root's file, unnoticed", EQ_FILE, O_RDONLY | O_NOATIME, EQ_ROOT, EPERM),
	FILE_ROW("a log for appending", AT("append"), O_WRONLY | O_APPEND, EQ_ALL, EPERM),
	FILE_ROW("a log for writing", AT("append"), O_WRONLY, EQ_NOBODY, EPERM),
	FILE_ROW("an immutable file", AT("immutable"), O_WRONLY, EQ_NOBODY, EPERM),
	FILE_ROW("root's knob", "/proc/sysrq-trigger", O_WRONLY, EQ_ROOT, EACCES),
	FILE_ROW("a directory", AT("open"), O_RDONLY | O_DIRECTORY, EQ_ALL, EACCES),
	FILE_ROW("a closed directory", AT("closed"), O_RDONLY | O_DIRECTORY, EQ_ROOT, EACCES),
	FILE_ROW("an unreadable directory", AT("unreadable"), O_RDONLY | O_DIRECTORY,
		 EQ_ROOT, EACCES),
};

EQ_TABLE(equivalence_files, are_opened_by_the_rules_of_open, files);

static const struct eq_case devices[] = {
	FILE_ROW("a null device", AT("null"), O_RDWR, EQ_ALL, EACCES),
	FILE_ROW("root's null device", AT("secret-null"), O_RDWR, EQ_ROOT, EACCES),
	{ .asks = "another device", .axis = "its type differs", .path = AT("kmsg"),
	  .nr = O_WRONLY, .may = EQ_ALL, .stricter = EQ_ALL, .err = ESTALE,
	  .why = "opening a device does what the device likes: memory devices only",
	  .ask = ask_file, .doctor = put_file },
	{ .asks = "a named FIFO", .axis = "is not reopened by path", .path = AT("fifo"),
	  .nr = O_RDWR, .may = EQ_ALL, .stricter = EQ_ALL, .err = EBADMSG,
	  .why = "to open one may wait for its other end",
	  .ask = ask_file, .doctor = put_file },
	{ .asks = "a file by a magic link", .axis = "cannot open", .path = "/proc/self/exe",
	  .nr = O_RDONLY, .may = EQ_ALL, .stricter = EQ_ALL, .err = ELOOP,
	  .why = "magic links lead out of what the restarter named",
	  .ask = ask_file, .doctor = put_file },
};

EQ_TABLE(equivalence_files, that_are_devices_are_memory_devices, devices);

/* ---- Landlock ---- */

static int allow(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	int err = eq_errno(syscall(__NR_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
				   &rule, 0));

	close(rule.parent_fd);
	return err;
}

/* Files are read below these directories only. */
static int be_landlocked(const struct eq_case *c)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE,
	};
	int ruleset = syscall(__NR_landlock_create_ruleset, &attr, sizeof(attr), 0);
	int err = eq_errno(ruleset) ?: eq_errno(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) ?:
		  allow(ruleset, "/tests") ?: allow(ruleset, "/dev") ?: allow(ruleset, "/proc") ?:
		  allow(ruleset, EQ_DIR) ?:
		  eq_errno(syscall(__NR_landlock_restrict_self, ruleset, 0));

	close(ruleset);
	return err;
}

static const struct eq_case landlocked[] = {
	FILE_ROW("a file within a Landlock domain", AT("mine"), O_RDONLY, EQ_ALL, EACCES,
		 .before = be_landlocked),
	FILE_ROW("a file outside the domain", HIDDEN, O_RDONLY, EQ_NOBODY, EACCES,
		 .before = be_landlocked),
};

EQ_TABLE(equivalence_files, are_opened_within_the_callers_landlock_domain, landlocked);

/* ---- Directories ---- */

static int ask_pwd(const struct eq_case *c)
{
	return eq_errno(chdir(c->path));
}

static int ask_root(const struct eq_case *c)
{
	return eq_errno(chroot(c->path));
}

static void put_fs(struct fail_image *image, const char *root, const char *pwd)
{
	int rec = fail_image_find(image, CKPT_REC_FS, 0);
	const struct ckpt_fs *was = fail_image_data(image, rec);
	const char *paths = (const char *)(was + 1);
	struct {
		struct ckpt_fs fs;
		char paths[512];
	} body = { .fs = *was };

	body.fs.root_len = root ? strlen(root) : was->root_len;
	body.fs.pwd_len = pwd ? strlen(pwd) : was->pwd_len;
	memcpy(body.paths, root ?: paths, body.fs.root_len);
	memcpy(body.paths + body.fs.root_len, pwd ?: paths + was->root_len, body.fs.pwd_len);
	eq_set_body(image, rec, &body, sizeof(body.fs) + body.fs.root_len + body.fs.pwd_len);
}

static void put_pwd(struct fail_image *image, const struct eq_case *c)
{
	put_fs(image, NULL, c->path);
}

static void put_root(struct fail_image *image, const struct eq_case *c)
{
	put_fs(image, c->path, NULL);
}

#define PWD(what, name, who)						\
	{ .asks = what, .axis = "cannot enter directory", .path = name, .err = EACCES, \
	  .may = who, .ask = ask_pwd, .doctor = put_pwd }

static const struct eq_case directories[] = {
	PWD("to work in a directory", AT("open"), EQ_ALL),
	PWD("to work in an unreadable directory", AT("unreadable"), EQ_ALL),
	PWD("to work in a closed directory", AT("closed"), EQ_ROOT),
	{ .asks = "another root directory", .axis = "axis=root", .path = AT("root"),
	  .may = ROOTS, .ask = ask_root, .doctor = put_root },
	{ .asks = "its own root directory", .axis = "", .path = "/",
	  .may = EQ_ALL, .ask = eq_ask_nothing, .doctor = put_root },
};

EQ_TABLE(equivalence_files, are_places_by_the_rules_of_chdir_and_chroot, directories);

/* ---- Descriptors of what has no name ---- */

static int ask_shared(const struct eq_case *c)
{
	unsigned long at = (unsigned long)mmap(NULL, 8192, PROT_READ | PROT_WRITE,
					       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char name[96];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", at, at + 8192);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void put_shared(struct fail_image *image, const struct eq_case *c)
{
	static const char name[] = "dev/zero";
	int rec = fail_image_find(image, CKPT_REC_SHMEM, 0);
	struct {
		struct ckpt_shmem shmem;
		char name[sizeof(name)];
	} body;

	memcpy(&body.shmem, fail_image_data(image, rec), sizeof(body.shmem));
	body.shmem.size = 8192;
	body.shmem.flags = 0;
	body.shmem.name_len = strlen(name);
	memcpy(body.name, name, sizeof(name));
	eq_set_body(image, rec, &body, sizeof(body.shmem) + strlen(name));
}

static const struct eq_case unnamed[] = {
	{ .asks = "a descriptor of shared memory", .axis = "axis=file", .may = EQ_ROOT | EQ_CR,
	  .blind = true, .ask = ask_shared, .doctor = put_shared },
};

EQ_TABLE(equivalence_files, are_not_had_of_shared_memory, unnamed);

#define MEMFD_NOEXEC	"/proc/sys/vm/memfd_noexec"

static int forbid_exec(struct eq *eq)
{
	return eq_put(MEMFD_NOEXEC, "2");
}

static void allow_exec(struct eq *eq)
{
	eq_put(MEMFD_NOEXEC, "0");
}

static int ask_memfd(const struct eq_case *c)
{
	return eq_errno(memfd_create("equivalence", 0x10 /* MFD_EXEC */));
}

static int ask_memfd_noexec(const struct eq_case *c)
{
	return eq_errno(memfd_create("equivalence", 0x8 /* MFD_NOEXEC_SEAL */));
}

static void put_memfd_noexec(struct fail_image *image, const struct eq_case *c)
{
	struct ckpt_shmem *shmem = eq_record(image, CKPT_REC_SHMEM);

	shmem->mode = 0666;
	shmem->seals = 0x20 /* F_SEAL_EXEC */;
}

static const struct eq_case executable_memory[] = {
	{ .asks = "a memfd that may be executed", .axis = "axis=memfd_noexec", .err = EACCES,
	  .set = forbid_exec, .unset = allow_exec, .ask = ask_memfd },
	{ .asks = "a memfd that may never be executed", .axis = "axis=memfd_noexec",
	  .may = EQ_ALL, .blind = true, .set = forbid_exec, .unset = allow_exec,
	  .ask = ask_memfd_noexec, .doctor = put_memfd_noexec },
};

EQ_TABLE(equivalence_files, of_memory_are_not_executed_where_that_is_forbidden,
	 executable_memory);

TEST_HARNESS_MAIN
