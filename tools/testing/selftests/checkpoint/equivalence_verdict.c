// SPDX-License-Identifier: GPL-2.0
/* Do ordinary calls and restart(2) agree? */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "equivalence.h"

static const struct {
	const char *name;
	unsigned int bit;
} callers[EQ_CALLERS] = {
	{ "root", EQ_ROOT },
	{ "root in a user namespace", EQ_NSROOT },
	{ "a user with CAP_CHECKPOINT_RESTORE", EQ_CR },
	{ "a user", EQ_USER },
};

struct account {
	int allowed, refused, lowered, stricter, failed;
};

static bool __attribute__((format(printf, 4, 5)))
expect(bool so, struct account *account, const char *who, const char *fmt, ...)
{
	va_list args;

	if (so)
		return true;
	account->failed++;
	fprintf(stderr, "# %s: ", who);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

static void show_log(struct eq *eq)
{
	char *line, *rest = eq->seen->report.log;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			fprintf(stderr, "#     %s\n", line);
}

static void strip_pids(char *text)
{
	char *at = strstr(text, "\npid ");

	if (at)
		at[1] = 0;
}

/* The first line that differs. */
static void show_difference(const char *a, const char *b)
{
	while (*a && *a == *b) {
		if (*a == '\n' && strchr(a + 1, '\n')) {
			size_t n = strcspn(a + 1, "\n") + 2;

			if (strncmp(a, b, n)) {
				fprintf(stderr, "#     by calls:   %.*s\n#     by restart: %.*s\n",
					(int)strcspn(a + 1, "\n"), a + 1,
					(int)strcspn(b + 1, "\n"), b + 1);
				return;
			}
		}
		a++;
		b++;
	}
	fprintf(stderr, "#     by calls:   %.60s\n#     by restart: %.60s\n", a, b);
}

static void same_state(struct eq *eq, const struct eq_case *c, char *calls, const char *name,
		       struct account *account)
{
	char *text = eq->seen->text;

	if (c->blind)
		return;
	if (!c->tells_pids) {
		strip_pids(calls);
		strip_pids(text);
	}
	if (!expect(*text && !strcmp(calls, text), account, name, "another state than by calls"))
		show_difference(calls, text);
}

/* Was it refused as it must be: with this errno, the axis named, nothing left? */
static void was_refused(struct eq *eq, const struct eq_case *c, int err, const char *name,
			struct account *account)
{
	bool good = expect(err == -(c->err ?: EPERM), account, name, "restart: %s",
			   err ? strerror(-err) : "allowed, and calls refuse it");

	good &= expect(!err || fail_logged(&eq->seen->report, "level=error", c->axis), account,
		       name, "the log does not name %s", c->axis);
	good &= expect(!eq->seen->left, account, name, "a process is left");
	if (!good)
		show_log(eq);
}

static void was_allowed(struct eq *eq, const struct eq_case *c, int err, char *calls,
			const char *name, struct account *account)
{
	bool good = expect(!err, account, name, "restart: %s, and calls allow it", strerror(-err));

	good &= expect(!fail_logged(&eq->seen->report, "level=clamp"), account, name,
		       "was lowered");
	if (!good)
		show_log(eq);
	else
		same_state(eq, c, calls, name, account);
}

static void was_lowered(struct eq *eq, const struct eq_case *c, int err, char *calls,
			const char *name, struct account *account)
{
	bool good = expect(!err, account, name, "clamped restart: %s", strerror(-err));

	good &= expect(!!fail_logged(&eq->seen->report, "level=clamp", c->axis), account, name,
		       "the log does not tell that %s was lowered", c->axis);
	if (!good)
		show_log(eq);
	else
		same_state(eq, c, calls, name, account);
}

static void try_case(struct eq *eq, const struct eq_case *c, int caller, struct account *account)
{
	unsigned int who = callers[caller].bit;
	bool may = c->may & who, strict = c->stricter & who;
	char name[256], calls[EQ_TEXT];
	int err = eq_try(eq, c, who, EQ_BY_CALLS);

	snprintf(name, sizeof(name), "%s, asked by %s", c->asks, callers[caller].name);
	if (!expect(err <= 0 && !err == may, account, name, "ordinary calls: %s, expected %s",
		    err ? strerror(abs(err)) : "allowed", may ? "allowed" : "refused"))
		return;
	memcpy(calls, eq->seen->text, sizeof(calls));

	err = eq_try(eq, c, who, EQ_BY_RESTART);
	if (may && !strict) {
		account->allowed++;
		was_allowed(eq, c, err, calls, name, account);
		if (!c->clamps)
			return;
		account->allowed++;
		err = eq_try(eq, c, who, EQ_BY_CLAMPED_RESTART);
		was_allowed(eq, c, err, calls, name, account);
		return;
	}
	*(strict ? &account->stricter : &account->refused) += c->clamps ? 1 : 2;
	was_refused(eq, c, err, name, account);
	if (!c->clamps) {
		err = eq_try(eq, c, who, EQ_BY_CLAMPED_RESTART);
		was_refused(eq, c, err, name, account);
		return;
	}
	account->lowered++;
	err = eq_try(eq, c, who, EQ_BY_LOWERING);
	expect(!err, account, name, "lowering by calls: %s", strerror(abs(err)));
	memcpy(calls, eq->seen->text, sizeof(calls));
	err = eq_try(eq, c, who, EQ_BY_CLAMPED_RESTART);
	was_lowered(eq, c, err, calls, name, account);
}

static bool sound(const struct eq_case *c)
{
	return c->axis && !(c->stricter & ~c->may) && !c->stricter == !c->why;
}

int eq_table(struct eq *eq, const char *axis, const struct eq_case *cases, int nr)
{
	struct account account = {};
	const struct eq_case *c;
	int caller;

	for (c = cases; c < cases + nr; c++) {
		if (!expect(sound(c), &account, c->asks, "the table contradicts itself") ||
		    !expect(!c->set || !c->set(eq), &account, c->asks, "cannot be set up: %m"))
			continue;
		if (c->fat)
			expect(!eq_take_fat_image(eq), &account, c->asks, "no image");
		for (caller = 0; caller < EQ_CALLERS; caller++)
			if (!c->only || c->only & callers[caller].bit)
				try_case(eq, c, caller, &account);
		if (c->unset)
			c->unset(eq);
	}
	fprintf(stderr, "# %s: %d cases: %d allowed, %d refused, %d lowered, %d where only restart refuses\n",
		axis, account.allowed + account.refused + account.lowered + account.stricter,
		account.allowed, account.refused, account.lowered, account.stricter);
	return account.failed;
}
