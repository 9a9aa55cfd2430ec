// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drops privileges once the daemon has everything it needs. It parses input of any peer and has the
 * private keys: an attacker who takes it over must not get any further.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "common/util.h"
#include "process/landlock.h"
#include "process/log.h"
#include "process/sandbox.h"

/* For a loop over open sockets, for logging, and for rereading files. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(recvmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
	SCMP_SYS(accept4), SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(fcntl),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(fgetxattr),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(futex),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getrusage),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(tgkill), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Only an attacker would use these. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(bpf), SCMP_SYS(keyctl),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount),
};

/*
 * System calls that neither opening files nor looking up accounts needs. Accounts are looked up by
 * modules of the C library from any source, so the others are permitted.
 */
static const int denied[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(vfork),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise), SCMP_SYS(kcmp), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal), SCMP_SYS(tkill), SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
	SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(fsconfig), SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(capset), SCMP_SYS(personality),
	SCMP_SYS(setuid), SCMP_SYS(setreuid), SCMP_SYS(setresuid), SCMP_SYS(setfsuid),
	SCMP_SYS(setgid), SCMP_SYS(setregid), SCMP_SYS(setresgid), SCMP_SYS(setfsgid),
	SCMP_SYS(setgroups), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(creat),
	SCMP_SYS(truncate), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir), SCMP_SYS(link), SCMP_SYS(linkat),
	SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(mknod), SCMP_SYS(mknodat),
	SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chown), SCMP_SYS(fchown),
	SCMP_SYS(lchown), SCMP_SYS(fchownat), SCMP_SYS(utime), SCMP_SYS(utimes),
	SCMP_SYS(utimensat), SCMP_SYS(futimesat), SCMP_SYS(setxattr), SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr), SCMP_SYS(removexattr), SCMP_SYS(lremovexattr),
	SCMP_SYS(fremovexattr), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(reboot),
	SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(syslog), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(iopl), SCMP_SYS(ioperm),
	SCMP_SYS(fanotify_init), SCMP_SYS(fanotify_mark),
};

/* The reader forks and kills the processes of loads, which themselves must do neither. */
static const int denied_loads[] = { SCMP_SYS(fork), SCMP_SYS(kill) };

/* A filter cannot see their arguments; callers that find them missing use older calls. */
static const int missing[] = { SCMP_SYS(clone3), SCMP_SYS(openat2) };

/* No core dumps, no debuggers, and no new privileges. */
static int stay_down(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ?
	       -errno : 0;
}

/**
 * ksc_sandbox_drop() - drop privileges
 * @has_user: switch to an account
 * @uid: the account
 * @gid: its group
 *
 * CAP_NET_ADMIN is kept, because each message to the kernel requires it.
 *
 * Return: 0 or a negative errno
 */
int ksc_sandbox_drop(bool has_user, uid_t uid, gid_t gid)
{
	int rc;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN))
		return -EINVAL;
	if (has_user)
		rc = capng_change_id((int)uid, (int)gid,
				     CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	else
		rc = capng_apply(CAPNG_SELECT_BOTH);
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=capabilities-not-dropped error=%d", rc);
		return -EPERM;
	}
	return stay_down();
}

static int add_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_exec =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	/* flags of open() and openat(); O_TMPFILE has no effect without O_RDWR or O_WRONLY */
	const struct scmp_arg_cmp reading[] = {
		SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
		SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
	};
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < ARRAY_SIZE(allowed); i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (i = 0; !rc && i < ARRAY_SIZE(deadly); i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
	/* Memory that is not executable. */
	if (!rc)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_exec);
	if (!rc)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					    &no_exec);
	/* Files, read-only. A filter cannot see the flags of openat2(). */
	if (!rc)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, &reading[0]);
	if (!rc)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
					    &reading[1]);
	return rc;
}

/**
 * ksc_sandbox_confine() - permit only files that are still needed
 *
 * Others fail with EACCES if the kernel has Landlock. This applies to the caller's thread and to
 * threads that it creates later.
 *
 * Return: 0 or a negative errno
 */
int ksc_sandbox_confine(void)
{
	return ksc_landlock_seal();
}

/**
 * ksc_sandbox_seal() - permit only system calls that are still needed
 *
 * Others fail with EPERM, so that attempts of a library do no harm. This applies to all threads,
 * and no more can be created.
 *
 * Return: 0 or a negative errno
 */
int ksc_sandbox_seal(void)
{
	scmp_filter_ctx filter;
	int rc;

	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!rc)
		rc = add_rules(filter);
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

static int deny(scmp_filter_ctx filter, const int *calls, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < n; i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0, NULL);
	return rc;
}

static int deny_reader(scmp_filter_ctx filter)
{
	static const uint64_t writing[] = { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC };
	int rc = deny(filter, denied, ARRAY_SIZE(denied));
	size_t i;

	for (i = 0; !rc && i < ARRAY_SIZE(missing); i++)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), missing[i], 0, NULL);
	for (i = 0; !rc && i < ARRAY_SIZE(writing); i++) {
		const struct scmp_arg_cmp flags[] = {
			SCMP_A1(SCMP_CMP_MASKED_EQ, writing[i], writing[i]),
			SCMP_A2(SCMP_CMP_MASKED_EQ, writing[i], writing[i]),
		};

		rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
					    &flags[0]);
		if (!rc)
			rc = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM),
						    SCMP_SYS(openat), 1, &flags[1]);
	}
	return rc;
}

static int deny_loads(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp process = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
	const int rc = deny(filter, denied_loads, ARRAY_SIZE(denied_loads));

	return rc ? rc : seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
						&process);
}

/* Permits everything except what @add denies. */
static int filter_by(int (*add)(scmp_filter_ctx filter))
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!filter)
		return -ENOMEM;
	rc = add(filter);
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}

/* If the signal does not arrive, the reader still finds its socket closed. */
static int end_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ? -errno : 0;
}

/**
 * ksc_sandbox_reader() - confine the reader process
 *
 * It keeps CAP_DAC_READ_SEARCH if it has it, can start processes, watch files, and do what modules
 * need to look up accounts. It can change no file and gain no privilege.
 *
 * Return: 0 or a negative errno
 */
int ksc_sandbox_reader(void)
{
	const bool can = capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH);
	int rc;

	capng_clear(CAPNG_SELECT_BOTH);
	if (can && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				CAP_DAC_READ_SEARCH))
		return -EINVAL;
	if (capng_apply(CAPNG_SELECT_BOTH))
		return -EPERM;
	rc = stay_down();
	if (!rc)
		rc = end_with_parent();
	if (!rc)
		rc = ksc_landlock_read_only();
	return rc ? rc : filter_by(deny_reader);
}

/**
 * ksc_sandbox_load() - confine a process that the reader has started for a load
 *
 * It can neither start processes nor reach other processes.
 *
 * Return: 0 or a negative errno
 */
int ksc_sandbox_load(void)
{
	const int rc = end_with_parent();

	return rc ? rc : filter_by(deny_loads);
}
