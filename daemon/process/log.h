/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.c: lines for the journal. A line is "event=NAME", followed by " key=value" for each detail. A
 * value that is not a plain word is quoted, by fields.h if a peer or application has chosen it.
 * Only complaints about a configuration are FILE:LINE: TEXT, as with --check-config.
 */
#ifndef KSC_LOG_H
#define KSC_LOG_H

/* enum ksc_log_level - how much a line matters; the numbers are syslog's */
enum ksc_log_level {
	KSC_LOG_ERROR = 3,
	KSC_LOG_WARNING = 4,
	KSC_LOG_INFO = 6,
	KSC_LOG_DEBUG = 7,
};

/*
 * enum ksc_log_about - subject of lines that peers can cause in any number: handshakes that
 * succeeded, handshakes that failed, and requests of applications that were refused
 */
enum ksc_log_about {
	KSC_LOG_DONE,
	KSC_LOG_FAILED,
	KSC_LOG_ASKED,
	KSC_N_LOG_ABOUT,
};

void ksc_log_open(int fd);
void ksc_log_set_level(enum ksc_log_level level);
void ksc_log(enum ksc_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ksc_log_peer(enum ksc_log_about about, enum ksc_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
