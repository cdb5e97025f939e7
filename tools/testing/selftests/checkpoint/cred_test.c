// SPDX-License-Identifier: GPL-2.0
/* Credentials, which each thread has of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "cr.h"

CR_FIXTURE(cred);

/* The lines of status that tell of rights, as one text. */
static void rights(char *out, size_t size)
{
	static const char *const names[] = {
		"Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
		"CapAmb:", "NoNewPrivs:",
	};
	char text[8192], *line, *rest = text;
	size_t len = 0;
	int i;

	CR_CHECK(cr_read_file("/proc/thread-self/status", text, sizeof(text)) > 0);
	while ((line = strsep(&rest, "\n")))
		for (i = 0; i < 9; i++)
			if (!strncmp(line, names[i], strlen(names[i])))
				len += snprintf(out + len, size - len, "%s\n", line);
	snprintf(out + len, size - len, "securebits %x keepcaps %d\n",
		 prctl(PR_GET_SECUREBITS), prctl(PR_GET_KEEPCAPS));
}

static void same_rights(const char *before)
{
	char after[2048];

	rights(after, sizeof(after));
	if (strcmp(before, after))
		cr_fail("rights were\n%s\nand are\n%s", before, after);
}

/* Raw calls: those of the C library are of all threads. */
static void set_ids(unsigned int uid, unsigned int gid)
{
	unsigned int groups[] = { gid + 10, gid + 11, 65000 };

	CR_EQ(0, syscall(SYS_setgroups, 3, groups));
	CR_EQ(0, syscall(SYS_setresgid, gid, gid + 1, gid + 2));
	CR_EQ(0, syscall(SYS_setresuid, uid, uid + 1, uid + 2));
}

static void set_caps(__u64 effective, __u64 permitted, __u64 inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	CR_EQ(0, syscall(SYS_capset, &head, data));
}

#define CAP(name)	(1ULL << CAP_##name)

CR_TEST(cred, root_with_all_rights)
{
	char before[2048];

	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
}

CR_TEST(cred, user_and_group_ids)
{
	char before[2048];

	umask(0);
	set_ids(1000, 2000);
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
	/* the saved ids are there to go back to, the others are not */
	CR_EQ(0, syscall(SYS_setresuid, -1, 1002, -1));
	CR_EQ(-1, syscall(SYS_setresuid, -1, 0, -1));
}

CR_TEST(cred, file_system_ids)
{
	char before[2048];

	umask(0);
	CR_EQ(0, setfsgid(3000));
	CR_EQ(0, setfsuid(3000));
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
	CR_EQ(3000, setfsuid(-1));
	CR_EQ(3000, setfsgid(-1));
}

CR_TEST(cred, capability_sets)
{
	char before[2048];

	set_caps(CAP(CHOWN) | CAP(KILL), CAP(CHOWN) | CAP(KILL) | CAP(SETPCAP) | CAP(NET_RAW),
		 CAP(NET_RAW) | CAP(CHOWN));
	CR_EQ(0, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
}

CR_TEST(cred, bounding_set_and_securebits)
{
	char before[2048];

	CR_EQ(0, prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT));
	CR_EQ(0, prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE));
	CR_EQ(0, prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
		       SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE));
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
}

CR_TEST(cred, keepcaps)
{
	char before[2048];

	CR_EQ(0, prctl(PR_SET_KEEPCAPS, 1));
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
	CR_EQ(1, prctl(PR_GET_KEEPCAPS));
}

CR_TEST(cred, caps_kept_across_a_change_of_user)
{
	char before[2048];

	umask(0);
	CR_EQ(0, prctl(PR_SET_KEEPCAPS, 1));
	set_ids(1000, 1000);
	set_caps(CAP(NET_BIND_SERVICE), CAP(NET_BIND_SERVICE) | CAP(DAC_OVERRIDE), 0);
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
	set_caps(CAP(DAC_OVERRIDE), CAP(DAC_OVERRIDE), 0);
}

CR_TEST(cred, many_groups)
{
	unsigned int groups[1000], seen[1000];
	int i;

	for (i = 0; i < 1000; i++)
		groups[i] = 100000 + 3 * i;
	CR_EQ(0, syscall(SYS_setgroups, 1000, groups));
	cr_ready();
	CR_EQ(1000, syscall(SYS_getgroups, 1000, seen));
	CR_CHECK(!memcmp(groups, seen, sizeof(groups)));
}

CR_TEST(cred, no_groups)
{
	CR_EQ(0, syscall(SYS_setgroups, 0, NULL));
	cr_ready();
	CR_EQ(0, syscall(SYS_getgroups, 0, NULL));
}

static volatile int arrived, go;

static void *differ(void *arg)
{
	long nr = (long)arg;
	char before[2048];

	if (nr == 1)
		CR_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (nr == 2)
		CR_EQ(0, prctl(PR_CAPBSET_DROP, CAP_SYS_TIME));
	if (nr == 3)
		CR_EQ(0, prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	if (nr == 4)
		set_caps(CAP(KILL), CAP(KILL) | CAP(CHOWN), CAP(CHOWN));
	else
		set_ids(1000 * nr, 100 * nr);
	rights(before, sizeof(before));
	__sync_fetch_and_add(&arrived, 1);
	cr_until(go);
	same_rights(before);
	return NULL;
}

CR_TEST(cred, threads_differ)
{
	pthread_t thread[6];
	char before[2048];
	long i;

	for (i = 0; i < 6; i++)
		pthread_create(&thread[i], NULL, differ, (void *)(i + 1));
	cr_until(arrived == 6);
	/* a change of user leaves the whole process not dumpable */
	prctl(PR_SET_DUMPABLE, 1);
	rights(before, sizeof(before));
	cr_ready();
	same_rights(before);
	go = 1;
	for (i = 0; i < 6; i++)
		CR_EQ(0, pthread_join(thread[i], NULL));
}

CR_TEST(cred, not_dumpable_after_a_change_of_user)
{
	int before;

	umask(0);
	set_ids(1000, 1000);
	before = prctl(PR_GET_DUMPABLE);
	cr_ready();
	CR_EQ(before, prctl(PR_GET_DUMPABLE));
}

CR_TEST(cred, what_was_opened_by_root_stays_open)
{
	char text[8] = "";
	int fd;

	umask(0);
	fd = open("secret", O_RDWR | O_CREAT, 0600);
	CR_EQ(6, write(fd, "secret", 6));
	lseek(fd, 0, SEEK_SET);
	cr_ready();
	CR_EQ(6, read(fd, text, 8));
	CR_CHECK(!strcmp(text, "secret"));
}

CR_PROGRAM(dropped)
{
	char text[8] = "";
	int fd;

	umask(0);
	fd = open("secret", O_RDWR | O_CREAT, 0600);
	CR_EQ(6, write(fd, "secret", 6));
	lseek(fd, 0, SEEK_SET);
	set_ids(1000, 1000);
	cr_ready();
	CR_EQ(6, read(fd, text, 8));
	_exit(0);
}

TEST_F(cred, files_of_a_dropped_user_need_the_callers_rights)
{
	struct cr *cr = &self->cr;

	ASSERT_EQ(0, cr_start_ready(cr, "dropped", NULL));
	ASSERT_EQ(0, cr_stop(cr));
	EXPECT_EQ(-EACCES, cr_restart(cr));
	EXPECT_TRUE(cr_logged(cr, "secret"));
	cr->restart_flags = RESTART_OPEN_AS_CALLER;
	ASSERT_EQ(0, cr_restart(cr));
	cr_go(cr);
	EXPECT_EQ(0, cr_wait_exit(cr));
}

CR_PROGRAM(keyless)
{
	cr_ready();
	CR_EQ(-1, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0));
	CR_EQ(ENOKEY, errno);
	CR_EQ(-1, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
	CR_EQ(ENOKEY, errno);
	_exit(0);
}

/* As a child of fork() would not have them either. */
TEST_F(cred, own_keyrings_of_the_caller_are_not_handed_on)
{
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1) < 0)
		SKIP(return, "no keyrings: %s", strerror(errno));
	ASSERT_LE(0, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1));
	EXPECT_EQ(0, cr_round_trip(&self->cr, "keyless", NULL));
}

TEST_HARNESS_MAIN
