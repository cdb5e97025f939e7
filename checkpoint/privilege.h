/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of credentials that depend on the configuration. */
#ifndef _CHECKPOINT_PRIVILEGE_H
#define _CHECKPOINT_PRIVILEGE_H

#include <linux/cred.h>
#include <linux/key.h>

#ifdef CONFIG_KEYS
static inline bool cred_has_keyrings(const struct cred *cred)
{
	return cred->process_keyring || cred->thread_keyring ||
	       cred->request_key_auth;
}

/* Keyrings that fork() does not hand on; the session's stays the caller's. */
static inline void cred_drop_own_keyrings(struct cred *cred)
{
	key_put(cred->thread_keyring);
	cred->thread_keyring = NULL;
	key_put(cred->process_keyring);
	cred->process_keyring = NULL;
}
#else
static inline bool cred_has_keyrings(const struct cred *cred) { return false; }
static inline void cred_drop_own_keyrings(struct cred *cred) { }
#endif

#ifdef CONFIG_SECURITY_LANDLOCK
#include "../security/landlock/cred.h"

static inline bool cred_has_landlock(const struct cred *cred)
{
	return landlock_cred(cred)->domain;
}
#else
static inline bool cred_has_landlock(const struct cred *cred) { return false; }
#endif

#endif /* _CHECKPOINT_PRIVILEGE_H */
