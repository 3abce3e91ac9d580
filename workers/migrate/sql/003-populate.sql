-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rows that Wazo has from its installation on. Table infos is filled by wazo-migrate itself, which knows the server's uuid.

INSERT INTO contexttype (name, commented, deletable) VALUES
('internal', 0, 0),
('incall', 0, 0),
('outcall', 0, 0),
('services', 0, 0),
('others', 0, 0);

INSERT INTO feature_extension (uuid, enabled, exten, feature)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
       substr('89AB', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
       column3, column2, column1 FROM (VALUES
('agentstaticlogin', '_*31.', true),
('agentstaticlogoff', '_*32.', true),
('agentstaticlogtoggle', '_*30.', true),
('bsfilter', '_*37.', true),
('callrecord', '*26', false),
('directoryaccess', '*36', true),
('enablednd', '*25', true),
('enablevm', '*90', true),
('enablevmslt', '_*90.', true),
('fwdbusy', '_*23.', true),
('fwdrna', '_*22.', true),
('fwdunc', '_*21.', true),
('fwdundoall', '*20', true),
('autoprov', '*48378', true),
('incallfilter', '*27', true),
('phonestatus', '*10', true),
('phoneprogfunckey', '_*735.', true),
('pickup', '_*8.', false),
('recsnd', '*9', true),
('vmboxmsgslt', '_*99.', true),
('vmboxpurgeslt', '_*93.', false),
('vmboxslt', '_*97.', true),
('vmusermsg', '*98', true),
('vmuserpurge', '*92', false),
('vmuserpurgeslt', '_*92.', false),
('vmuserslt', '_*96.', true),
('paging', '_*11.', true),
('meetingjoin', '_*41.', true),
('groupmembertoggle', '_*50.', true),
('groupmemberjoin', '_*51.', true),
('groupmemberleave', '_*52.', true));

INSERT INTO features (cat_metric, var_metric, commented, filename, category, var_name, var_val) VALUES
(0, 0, 0, 'features.conf', 'general', 'transferdigittimeout', '5'),
(0, 0, 0, 'features.conf', 'general', 'featuredigittimeout', '1500'),
(0, 0, 0, 'features.conf', 'general', 'pickupexten', '*8'),
(0, 0, 0, 'features.conf', 'general', 'atxfernoanswertimeout', '15'),
(0, 0, 0, 'features.conf', 'general', 'atxferdropcall', 'no'),
(0, 0, 0, 'features.conf', 'general', 'atxferloopdelay', '10'),
(0, 0, 0, 'features.conf', 'general', 'atxfercallbackretries', '2'),
(0, 0, 1, 'features.conf', 'general', 'xfersound', NULL),
(0, 0, 1, 'features.conf', 'general', 'xferfailsound', NULL),
(0, 0, 0, 'features.conf', 'featuremap', 'blindxfer', '*1'),
(0, 0, 0, 'features.conf', 'featuremap', 'disconnect', '*0'),
(0, 0, 0, 'features.conf', 'featuremap', 'atxfer', '*2'),
(0, 0, 0, 'features.conf', 'applicationmap', 'togglerecord', NULL);

INSERT INTO func_key_type (id, name) VALUES (1, 'speeddial'), (2, 'transfer'), (3, 'dtmf');

INSERT INTO func_key_destination_type (id, name) VALUES
(1, 'user'),
(2, 'group'),
(3, 'queue'),
(4, 'conference'),
(5, 'service'),
(6, 'forward'),
(7, 'park_position'),
(8, 'features'),
(9, 'paging'),
(10, 'custom'),
(11, 'agent'),
(12, 'bsfilter'),
(13, 'groupmember'),
(14, 'parking');

INSERT INTO func_key (id, type_id, destination_type_id) VALUES
(1, 1, 5),
(2, 1, 5),
(3, 1, 5),
(4, 1, 5),
(5, 1, 5),
(6, 1, 5),
(7, 1, 5),
(8, 1, 5),
(9, 1, 5),
(10, 1, 5),
(11, 1, 5),
(12, 1, 8),
(13, 1, 8),
(14, 1, 8);

INSERT INTO func_key_dest_service (func_key_id, destination_type_id, feature_extension_uuid)
SELECT column1, 5, (SELECT uuid FROM feature_extension WHERE feature = column2) FROM (VALUES
(1, 'enablevm'),
(2, 'vmusermsg'),
(3, 'vmuserpurge'),
(4, 'phonestatus'),
(5, 'recsnd'),
(6, 'directoryaccess'),
(7, 'fwdundoall'),
(8, 'pickup'),
(9, 'callrecord'),
(10, 'incallfilter'),
(11, 'enablednd'));

INSERT INTO func_key_dest_features (func_key_id, destination_type_id, features_id)
SELECT column1, 8, (SELECT id FROM features WHERE var_name = column2) FROM (VALUES
(12, 'blindxfer'),
(13, 'atxfer'),
(14, 'togglerecord'));

INSERT INTO pjsip_transport (uuid, name)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
       substr('89AB', abs(random() % 4) + 1, 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
       column1 FROM (VALUES ('transport-udp'), ('transport-wss'));

INSERT INTO pjsip_transport_option ("key", value, pjsip_transport_uuid)
SELECT column2, column3, (SELECT uuid FROM pjsip_transport WHERE name = column1) FROM (VALUES
('transport-udp', 'protocol', 'udp'),
('transport-udp', 'bind', '0.0.0.0:5060'),
('transport-wss', 'protocol', 'wss'),
('transport-wss', 'bind', '0.0.0.0:5060'));

-- The names that a voicemail's timezone may have, as far as they are documented.
INSERT INTO staticvoicemail (cat_metric, var_metric, commented, filename, category, var_name, var_val) VALUES
(1, 0, 0, 'voicemail.conf', 'zonemessages', 'eu-fr', 'Europe/Paris|''vm-received'' q ''digits/at'' kM'),
(1, 1, 0, 'voicemail.conf', 'zonemessages', 'na-newfoundland', 'America/St_Johns|''vm-received'' q ''digits/at'' kM'),
(1, 2, 0, 'voicemail.conf', 'zonemessages', 'na-atlantic', 'America/Halifax|''vm-received'' q ''digits/at'' kM'),
(1, 3, 0, 'voicemail.conf', 'zonemessages', 'na-eastern', 'America/New_York|''vm-received'' q ''digits/at'' kM'),
(1, 4, 0, 'voicemail.conf', 'zonemessages', 'na-central', 'America/Chicago|''vm-received'' q ''digits/at'' kM'),
(1, 5, 0, 'voicemail.conf', 'zonemessages', 'na-mountain', 'America/Denver|''vm-received'' q ''digits/at'' kM'),
(1, 6, 0, 'voicemail.conf', 'zonemessages', 'na-pacific', 'America/Los_Angeles|''vm-received'' q ''digits/at'' kM'),
(1, 7, 0, 'voicemail.conf', 'zonemessages', 'na-alaska', 'America/Anchorage|''vm-received'' q ''digits/at'' kM'),
(1, 8, 0, 'voicemail.conf', 'zonemessages', 'be-brussels', 'Europe/Brussels|''vm-received'' q ''digits/at'' kM'),
(1, 9, 0, 'voicemail.conf', 'zonemessages', 'it-rome', 'Europe/Rome|''vm-received'' q ''digits/at'' kM'),
(1, 10, 0, 'voicemail.conf', 'zonemessages', 'de-berlin', 'Europe/Berlin|''vm-received'' q ''digits/at'' kM'),
(1, 11, 0, 'voicemail.conf', 'zonemessages', 'de-busingen', 'Europe/Busingen|''vm-received'' q ''digits/at'' kM'),
(1, 12, 0, 'voicemail.conf', 'zonemessages', 'gb-london', 'Europe/London|''vm-received'' q ''digits/at'' kM'),
(1, 13, 0, 'voicemail.conf', 'zonemessages', 'ch-zurich', 'Europe/Zurich|''vm-received'' q ''digits/at'' kM'),
(1, 14, 0, 'voicemail.conf', 'zonemessages', 'nl-amsterdam', 'Europe/Amsterdam|''vm-received'' q ''digits/at'' kM'),
(1, 15, 0, 'voicemail.conf', 'zonemessages', 'pl-warsaw', 'Europe/Warsaw|''vm-received'' q ''digits/at'' kM');
