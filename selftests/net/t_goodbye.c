// SPDX-License-Identifier: GPL-2.0-only
/* Alerts that an application sends: on a socket, and to abort a handshake. */
#include <errno.h>
#include <unistd.h>

#include "lib/lib.h"

/* An alert behind the data: a warning ends nothing, any other does at both ends. */
static void test_alert(void **state)
{
	struct ksc_error why;
	char c;
	int fds[2];

	(void)state;
	lib_handshake();
	lib_attach(fds);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_ALERT, 0), -EINVAL);
	assert_int_equal(kschannel_apply_control(fds[0], (enum kschannel_control)2, 80), -EINVAL);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_ALERT, 90), 0);
	t_exchange(fds[0], fds[1]);
	why = t_error(fds[1]);
	assert_int_equal(why.status, KSC_STATUS_OK);
	assert_int_equal(why.alert, 90);
	t_send(fds[0], "the last", 8);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_ALERT, 49), 0);
	t_expect(fds[1], "the last");
	FAILS(recv(fds[1], &c, 1, 0), EPROTO);
	t_expect_error(fds[1], KSC_STATUS_ALERT_RECEIVED, EPROTO);
	why = t_error(fds[1]);
	assert_int_equal(why.alert, 49);
	assert_int_equal(why.direction, KSC_DIRECTION_RECEIVED);
	why = t_error(fds[0]);
	assert_int_equal(why.status, KSC_STATUS_CANCELLED);
	assert_int_equal(why.alert, 49);
	assert_int_equal(why.direction, KSC_DIRECTION_SENT);
	assert_int_equal(kschannel_apply_control(fds[0], KSCHANNEL_ALERT, 49), -ECANCELED);
	close(fds[0]);
	close(fds[1]);
}

/* An end that aborts the handshake sends an alert to the peer. */
static void test_give_up(void **state)
{
	(void)state;
	assert_int_equal(side_step(&client, 0), 0);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	assert_int_equal(kschannel_give_up(server.ctx, 0, 0, &server.step), -EINVAL);
	assert_int_equal(kschannel_give_up(server.ctx, 86, 0, &server.step), 0);
	assert_int_equal(server.step.status, KSC_STATUS_CANCELLED);
	assert_int_equal(server.step.alert, 86);
	assert_int_equal(server.step.direction, KSC_DIRECTION_SENT);
	assert_true(server.step.token_len);
	assert_int_equal(kschannel_give_up(server.ctx, 86, 0, &server.step), -ECONNABORTED);
	/* a flight comes before it, which the client has not seen */
	assert_int_equal(kschannel_give_up(client.ctx, 80, 0, &client.step), 0);
	assert_int_equal(client.step.status, KSC_STATUS_CANCELLED);
	assert_int_equal(client.step.token_len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alert, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_give_up, lib_setup, lib_teardown),
	};

	return T_RUN(tests);
}
