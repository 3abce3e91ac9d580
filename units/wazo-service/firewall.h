/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SIP port, UDP 5060, which is closed by a rule of the packet filter while the telephony services are down: phones then turn
 * to the other node at once instead of waiting for an answer.
 */
#pragma once

#include "lib/util.h"

/* How many rules of INPUT drop all of UDP 5060; 0 also where there is no iptables. A negative errno was told. */
int firewall_drops(void) _must_check_;

/* The rule that operators know how to delete, at the head of INPUT: iptables -D INPUT -p udp --dport 5060 -j DROP. */
int firewall_close(void) _must_check_;

/* Deletes every such rule, whoever made it, until none is left. Looks only, when there is none. */
int firewall_open(void) _must_check_;
