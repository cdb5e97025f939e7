/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included ahead of every test by the Makefile: each TEST and TEST_F must leave
 * nothing behind. What is left fails the test, with its name and number.
 */
#ifndef RESIDUE_HARNESS_H
#define RESIDUE_HARNESS_H

#include "../kselftest_harness.h"
#include "residue.h"

/* The harness forks between setjmp() and longjmp(); it knows what it does. */
#pragma GCC diagnostic ignored "-Wclobbered"

/* For tests that do as much as they are told to. */
#define FOR_EVER	(7 * 24 * 3600)

/* What was there before is kept from one test to the next. */
struct residue_between {
	bool known;
	struct residue last, now;
};

struct residue_test {
	struct __test_metadata *t;
	__typeof__(((struct __test_metadata *)0)->fn) fn;
};

static struct residue_between *residue_between;
static struct residue_test *residue_tests;

static void residue_complain(const struct residue_entry *now, long long before)
{
	ksft_print_msg("left behind: %s%s: %lld, was %lld\n", now->name, now->detail,
		       now->count, before);
}

/* In a process of its own: what the test itself holds is gone with it. */
static void residue_run_apart(struct residue_test *test,
			      struct __fixture_variant_metadata *variant)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		test->fn(test->t, variant);
		_exit(test->t->exit_code);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		test->t->exit_code = KSFT_FAIL;
	else if (WIFSIGNALED(status))
		kill(getpid(), WTERMSIG(status));
	else
		test->t->exit_code = WEXITSTATUS(status);
}

static void residue_around(struct __test_metadata *t, struct __fixture_variant_metadata *variant)
{
	struct residue_between *between = residue_between;
	struct residue_test *test = residue_tests;

	while (test->t != t)
		test++;
	if (!between->known)
		residue_take(&between->last);
	between->known = false;
	/* with a fixture there is such a process already */
	if (t->fixture == &_fixture_global)
		residue_run_apart(test, variant);
	else
		test->fn(t, variant);
	if (t->exit_code == KSFT_FAIL)
		return;
	if (residue_settle(&between->last, &between->now, RESIDUE_PATIENCE)) {
		residue_grew(&between->last, &between->now, residue_complain);
		t->exit_code = KSFT_FAIL;
	}
	between->last = between->now;
	between->known = true;
}

/*
 * Where kmemleak finds a file that nobody has, its kernel being slow as well,
 * files are counted once for all tests.
 */
static struct residue *residue_before_all;
static pid_t residue_main;

static void residue_after_all(void)
{
	static struct residue now;

	if (getpid() != residue_main)
		return;
	residue_counts_files = true;
	if (!residue_settle(residue_before_all, &now, RESIDUE_PATIENCE))
		return;
	residue_grew(residue_before_all, &now, residue_complain);
	_exit(KSFT_FAIL);
}

/* When all is set up: what is mapped and shared is an open file. */
static void residue_begin(void)
{
	if (!residue_has_kmemleak())
		return;
	residue_before_all = calloc(1, sizeof(*residue_before_all));
	residue_take(residue_before_all);
	residue_counts_files = false;
	residue_main = getpid();
	atexit(residue_after_all);
}

static void residue_around_every_test(void)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;
	int nr = 0;

	residue_between = mmap(NULL, sizeof(*residue_between), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (f = __fixture_list; f; f = f->next)
		for (t = f->tests; t; t = t->next)
			nr++;
	residue_tests = calloc(nr, sizeof(*residue_tests));
	if (residue_between == MAP_FAILED || !residue_tests)
		abort();
	for (f = __fixture_list; f; f = f->next) {
		for (t = f->tests; t; t = t->next) {
			residue_tests[--nr] = (struct residue_test){ t, t->fn };
			t->fn = residue_around;
		}
	}
}

#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN				\
	int main(int argc, char **argv)			\
	{						\
		residue_around_every_test();		\
		if (argc < 2 || strcmp(argv[1], "-l"))	\
			residue_begin();		\
		return test_harness_run(argc, argv);	\
	}

#endif /* RESIDUE_HARNESS_H */
