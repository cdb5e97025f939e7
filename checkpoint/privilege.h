/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of credentials that depend on the configuration. */
#ifndef _CHECKPOINT_PRIVILEGE_H
#define _CHECKPOINT_PRIVILEGE_H

#include <linux/cred.h>

#ifdef CONFIG_KEYS
static inline bool cred_has_keyrings(const struct cred *cred)
{
	return cred->process_keyring || cred->thread_keyring ||
	       cred->request_key_auth;
}
#else
static inline bool cred_has_keyrings(const struct cred *cred) { return false; }
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
