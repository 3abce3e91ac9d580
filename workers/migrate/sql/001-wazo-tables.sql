-- SPDX-License-Identifier: GPL-3.0-or-later
-- The tables and columns of the Wazo database that wazo-confd's resources and their rules read and write, as SQLite has them:
-- enumerations and uuids are text, arrays are JSON text, sequences never give a number twice. Uuids and times are the
-- caller's.

CREATE TABLE tenant (
        uuid TEXT NOT NULL PRIMARY KEY,
        slug TEXT,
        sip_templates_generated BOOLEAN NOT NULL DEFAULT false,
        global_sip_template_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        webrtc_sip_template_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        registration_trunk_sip_template_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        meeting_guest_sip_template_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        twilio_trunk_sip_template_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        country TEXT,
        record_start_announcement TEXT,
        record_stop_announcement TEXT,
        voicemail_transcription_enabled BOOLEAN NOT NULL DEFAULT false
);

CREATE TABLE context (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT UNIQUE,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        displayname TEXT,
        contexttype TEXT NOT NULL DEFAULT 'internal',
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE contexttype (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        commented INTEGER,
        deletable INTEGER,
        description TEXT
);

CREATE TABLE contextnumbers (
        context TEXT NOT NULL REFERENCES context (name) ON DELETE CASCADE,
        type TEXT NOT NULL,
        numberbeg TEXT NOT NULL DEFAULT '',
        numberend TEXT NOT NULL DEFAULT '',
        didlength INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (context, type, numberbeg, numberend)
);

CREATE TABLE contextinclude (
        context TEXT NOT NULL REFERENCES context (name) ON DELETE CASCADE,
        "include" TEXT NOT NULL,
        priority INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (context, include)
);

CREATE TABLE contextmember (
        context TEXT NOT NULL REFERENCES context (name) ON DELETE CASCADE,
        type TEXT NOT NULL,
        typeval TEXT NOT NULL DEFAULT '',
        varname TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (context, type, typeval, varname)
);

CREATE TABLE func_key_template (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT,
        private BOOLEAN NOT NULL DEFAULT false
);

CREATE TABLE func_key_type (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL
);

CREATE TABLE func_key_destination_type (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL
);

CREATE TABLE func_key (
        id INTEGER NOT NULL,
        type_id INTEGER NOT NULL REFERENCES func_key_type (id),
        destination_type_id INTEGER NOT NULL REFERENCES func_key_destination_type (id),
        PRIMARY KEY (id, destination_type_id)
);

CREATE TABLE func_key_mapping (
        template_id INTEGER NOT NULL REFERENCES func_key_template (id) ON DELETE CASCADE,
        func_key_id INTEGER NOT NULL,
        destination_type_id INTEGER NOT NULL,
        label TEXT,
        "position" INTEGER NOT NULL,
        blf BOOLEAN NOT NULL DEFAULT true,
        UNIQUE (template_id, "position"),
        PRIMARY KEY (template_id, func_key_id, destination_type_id),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK ("position" > 0)
);

CREATE TABLE func_key_dest_user (
        func_key_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL REFERENCES userfeatures (id) ON DELETE CASCADE,
        destination_type_id INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (func_key_id, user_id, destination_type_id),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK (destination_type_id = 1)
);

CREATE TABLE func_key_dest_group (
        func_key_id INTEGER NOT NULL,
        destination_type_id INTEGER NOT NULL DEFAULT 2,
        group_id INTEGER NOT NULL REFERENCES groupfeatures (id) ON DELETE CASCADE,
        PRIMARY KEY (func_key_id, destination_type_id, group_id),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK (destination_type_id = 2)
);

CREATE TABLE func_key_dest_service (
        func_key_id INTEGER NOT NULL,
        destination_type_id INTEGER NOT NULL DEFAULT 5,
        feature_extension_uuid TEXT NOT NULL REFERENCES feature_extension (uuid) ON DELETE CASCADE,
        PRIMARY KEY (func_key_id, destination_type_id, feature_extension_uuid),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK (destination_type_id = 5)
);

CREATE TABLE func_key_dest_features (
        func_key_id INTEGER NOT NULL,
        destination_type_id INTEGER NOT NULL DEFAULT 8,
        features_id INTEGER NOT NULL REFERENCES features (id) ON DELETE CASCADE,
        PRIMARY KEY (func_key_id, destination_type_id, features_id),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK (destination_type_id = 8)
);

CREATE TABLE func_key_dest_bsfilter (
        func_key_id INTEGER NOT NULL,
        destination_type_id INTEGER NOT NULL DEFAULT 12,
        filtermember_id INTEGER NOT NULL REFERENCES callfiltermember (id),
        PRIMARY KEY (func_key_id, destination_type_id, filtermember_id),
        FOREIGN KEY (func_key_id, destination_type_id) REFERENCES func_key (id, destination_type_id),
        CHECK (destination_type_id = 12)
);

CREATE TABLE pjsip_transport (
        uuid TEXT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
);

CREATE TABLE pjsip_transport_option (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        "key" TEXT NOT NULL,
        value TEXT NOT NULL,
        pjsip_transport_uuid TEXT NOT NULL REFERENCES pjsip_transport (uuid) ON DELETE CASCADE
);

CREATE TABLE endpoint_sip (
        uuid TEXT NOT NULL PRIMARY KEY,
        label TEXT,
        name TEXT NOT NULL UNIQUE,
        asterisk_id TEXT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        transport_uuid TEXT REFERENCES pjsip_transport (uuid),
        template BOOLEAN DEFAULT false
);

CREATE TABLE endpoint_sip_section (
        uuid TEXT NOT NULL PRIMARY KEY,
        type TEXT NOT NULL,
        endpoint_sip_uuid TEXT NOT NULL REFERENCES endpoint_sip (uuid) ON DELETE CASCADE,
        UNIQUE (type, endpoint_sip_uuid)
);

CREATE TABLE endpoint_sip_section_option (
        uuid TEXT NOT NULL PRIMARY KEY,
        "key" TEXT NOT NULL,
        value TEXT NOT NULL,
        endpoint_sip_section_uuid TEXT NOT NULL REFERENCES endpoint_sip_section (uuid) ON DELETE CASCADE
);

CREATE TABLE endpoint_sip_template (
        child_uuid TEXT NOT NULL REFERENCES endpoint_sip (uuid) ON DELETE CASCADE,
        parent_uuid TEXT NOT NULL REFERENCES endpoint_sip (uuid) ON DELETE CASCADE,
        priority INTEGER,
        PRIMARY KEY (child_uuid, parent_uuid)
);

CREATE TABLE sccpline (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL,
        context TEXT NOT NULL,
        cid_name TEXT NOT NULL,
        cid_num TEXT NOT NULL,
        disallow TEXT,
        allow TEXT,
        protocol TEXT NOT NULL DEFAULT 'sccp',
        commented INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE usercustom (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT,
        context TEXT,
        interface TEXT NOT NULL,
        intfsuffix TEXT NOT NULL DEFAULT '',
        commented INTEGER NOT NULL DEFAULT 0,
        protocol TEXT NOT NULL DEFAULT 'custom',
        category TEXT NOT NULL,
        UNIQUE (interface, intfsuffix, category)
);

CREATE TABLE useriax (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        username TEXT,
        secret TEXT NOT NULL DEFAULT '',
        dbsecret TEXT NOT NULL DEFAULT '',
        context TEXT,
        language TEXT,
        accountcode TEXT,
        amaflags TEXT DEFAULT 'default',
        mailbox TEXT,
        callerid TEXT,
        fullname TEXT,
        cid_number TEXT,
        trunk INTEGER NOT NULL DEFAULT 0,
        auth TEXT NOT NULL DEFAULT 'plaintext,md5',
        encryption TEXT,
        forceencryption TEXT,
        maxauthreq INTEGER,
        inkeys TEXT,
        outkey TEXT,
        adsi INTEGER,
        "transfer" TEXT,
        codecpriority TEXT,
        jitterbuffer INTEGER,
        forcejitterbuffer INTEGER,
        sendani INTEGER NOT NULL DEFAULT 0,
        qualify TEXT NOT NULL DEFAULT 'no',
        qualifysmoothing INTEGER NOT NULL DEFAULT 0,
        qualifyfreqok INTEGER NOT NULL DEFAULT 60000,
        qualifyfreqnotok INTEGER NOT NULL DEFAULT 10000,
        timezone TEXT,
        disallow TEXT,
        allow TEXT,
        mohinterpret TEXT,
        mohsuggest TEXT,
        deny TEXT,
        permit TEXT,
        defaultip TEXT,
        sourceaddress TEXT,
        setvar TEXT NOT NULL DEFAULT '',
        host TEXT NOT NULL DEFAULT 'dynamic',
        port INTEGER,
        mask TEXT,
        regexten TEXT,
        peercontext TEXT,
        immediate INTEGER,
        keyrotate INTEGER,
        parkinglot INTEGER,
        protocol TEXT NOT NULL DEFAULT 'iax',
        category TEXT NOT NULL,
        commented INTEGER NOT NULL DEFAULT 0,
        requirecalltoken TEXT NOT NULL DEFAULT 'no',
        options TEXT NOT NULL DEFAULT '[]'
);

CREATE TABLE staticiax (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        cat_metric INTEGER NOT NULL DEFAULT 0,
        var_metric INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        filename TEXT NOT NULL,
        category TEXT NOT NULL,
        var_name TEXT NOT NULL,
        var_val TEXT
);

CREATE TABLE voicemail (
        uniqueid INTEGER PRIMARY KEY AUTOINCREMENT,
        context TEXT NOT NULL REFERENCES context (name) ON DELETE CASCADE,
        mailbox TEXT NOT NULL,
        password TEXT,
        fullname TEXT NOT NULL DEFAULT '',
        email TEXT,
        pager TEXT,
        language TEXT,
        tz TEXT,
        attach INTEGER,
        deletevoicemail INTEGER NOT NULL DEFAULT 0,
        maxmsg INTEGER,
        skipcheckpass INTEGER NOT NULL DEFAULT 0,
        options TEXT NOT NULL DEFAULT '[]',
        commented INTEGER NOT NULL DEFAULT 0,
        accesstype TEXT NOT NULL DEFAULT 'personal',
        UNIQUE (mailbox, context)
);

CREATE TABLE userfeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL UNIQUE,
        firstname TEXT NOT NULL DEFAULT '',
        email TEXT UNIQUE,
        voicemailid INTEGER REFERENCES voicemail (uniqueid),
        agentid INTEGER,
        pictureid INTEGER,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        callerid TEXT,
        ringseconds INTEGER NOT NULL DEFAULT 30,
        simultcalls INTEGER NOT NULL DEFAULT 5,
        enableclient INTEGER NOT NULL DEFAULT 0,
        loginclient TEXT NOT NULL DEFAULT '',
        passwdclient TEXT NOT NULL DEFAULT '',
        enablehint INTEGER NOT NULL DEFAULT 1,
        enablevoicemail INTEGER NOT NULL DEFAULT 0,
        enablexfer INTEGER NOT NULL DEFAULT 0,
        dtmf_hangup INTEGER NOT NULL DEFAULT 0,
        enableonlinerec INTEGER NOT NULL DEFAULT 0,
        call_record_outgoing_external_enabled BOOLEAN NOT NULL DEFAULT false,
        call_record_outgoing_internal_enabled BOOLEAN NOT NULL DEFAULT false,
        call_record_incoming_external_enabled BOOLEAN NOT NULL DEFAULT false,
        call_record_incoming_internal_enabled BOOLEAN NOT NULL DEFAULT false,
        incallfilter INTEGER NOT NULL DEFAULT 0,
        enablednd INTEGER NOT NULL DEFAULT 0,
        enableunc INTEGER NOT NULL DEFAULT 0,
        destunc TEXT NOT NULL DEFAULT '',
        enablerna INTEGER NOT NULL DEFAULT 0,
        destrna TEXT NOT NULL DEFAULT '',
        enablebusy INTEGER NOT NULL DEFAULT 0,
        destbusy TEXT NOT NULL DEFAULT '',
        musiconhold TEXT NOT NULL DEFAULT '',
        outcallerid TEXT NOT NULL DEFAULT '',
        mobilephonenumber TEXT NOT NULL DEFAULT '',
        mobile_fallback_enabled BOOLEAN NOT NULL DEFAULT false,
        bsfilter TEXT NOT NULL DEFAULT 'no',
        preprocess_subroutine TEXT,
        timezone TEXT,
        language TEXT,
        ringintern TEXT,
        ringextern TEXT,
        ringgroup TEXT,
        ringforward TEXT,
        rightcallcode TEXT,
        commented INTEGER NOT NULL DEFAULT 0,
        func_key_template_id INTEGER REFERENCES func_key_template (id) ON DELETE SET NULL,
        func_key_private_template_id INTEGER NOT NULL UNIQUE REFERENCES func_key_template (id),
        subscription_type INTEGER NOT NULL DEFAULT 0,
        created_at TEXT,
        lastname TEXT NOT NULL DEFAULT '',
        userfield TEXT NOT NULL DEFAULT '',
        description TEXT NOT NULL
);

CREATE TABLE application (
        uuid TEXT NOT NULL PRIMARY KEY,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT
);

CREATE TABLE linefeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT,
        configregistrar TEXT,
        name TEXT UNIQUE,
        number TEXT,
        context TEXT NOT NULL REFERENCES context (name) ON DELETE CASCADE,
        provisioningid INTEGER NOT NULL,
        num INTEGER DEFAULT 1,
        ipfrom TEXT,
        application_uuid TEXT REFERENCES application (uuid) ON DELETE SET NULL,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT,
        endpoint_sip_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        endpoint_sccp_id INTEGER REFERENCES sccpline (id) ON DELETE SET NULL,
        endpoint_custom_id INTEGER REFERENCES usercustom (id) ON DELETE SET NULL,
        CHECK ((endpoint_sip_uuid IS NOT NULL) + (endpoint_sccp_id IS NOT NULL) + (endpoint_custom_id IS NOT NULL) <= 1)
);

CREATE TABLE extensions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        commented INTEGER NOT NULL DEFAULT 0,
        context TEXT NOT NULL DEFAULT '' REFERENCES context (name) ON DELETE CASCADE,
        exten TEXT NOT NULL DEFAULT '',
        type TEXT NOT NULL,
        typeval TEXT NOT NULL DEFAULT '',
        UNIQUE (exten, context)
);

CREATE TABLE user_line (
        user_id INTEGER NOT NULL REFERENCES userfeatures (id) ON DELETE CASCADE,
        line_id INTEGER NOT NULL REFERENCES linefeatures (id) ON DELETE CASCADE,
        main_user BOOLEAN NOT NULL,
        main_line BOOLEAN NOT NULL,
        PRIMARY KEY (user_id, line_id)
);

CREATE TABLE line_extension (
        line_id INTEGER NOT NULL REFERENCES linefeatures (id) ON DELETE CASCADE,
        extension_id INTEGER NOT NULL REFERENCES extensions (id) ON DELETE CASCADE,
        main_extension BOOLEAN NOT NULL,
        PRIMARY KEY (line_id, extension_id)
);

CREATE TABLE groupfeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        uuid TEXT NOT NULL,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL,
        dtmf_record_toggle BOOLEAN NOT NULL DEFAULT false,
        label TEXT NOT NULL,
        transfer_user INTEGER NOT NULL DEFAULT 0,
        transfer_call INTEGER NOT NULL DEFAULT 0,
        write_caller INTEGER NOT NULL DEFAULT 0,
        write_calling INTEGER NOT NULL DEFAULT 0,
        ignore_forward INTEGER NOT NULL DEFAULT 0,
        "timeout" INTEGER,
        preprocess_subroutine TEXT,
        mark_answered_elsewhere INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE queue (
        name TEXT NOT NULL PRIMARY KEY,
        musicclass TEXT,
        announce TEXT,
        context TEXT,
        "timeout" INTEGER DEFAULT 0,
        "monitor-type" TEXT,
        "monitor-format" TEXT,
        "queue-youarenext" TEXT,
        "queue-thereare" TEXT,
        "queue-callswaiting" TEXT,
        "queue-holdtime" TEXT,
        "queue-minutes" TEXT,
        "queue-seconds" TEXT,
        "queue-thankyou" TEXT,
        "queue-reporthold" TEXT,
        "periodic-announce" TEXT,
        "announce-frequency" INTEGER,
        "periodic-announce-frequency" INTEGER,
        "announce-round-seconds" INTEGER,
        "announce-holdtime" TEXT,
        retry INTEGER,
        wrapuptime INTEGER,
        maxlen INTEGER,
        servicelevel INTEGER,
        strategy TEXT,
        joinempty TEXT,
        leavewhenempty TEXT,
        ringinuse INTEGER NOT NULL DEFAULT 0,
        reportholdtime INTEGER NOT NULL DEFAULT 0,
        memberdelay INTEGER,
        weight INTEGER,
        timeoutrestart INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        category TEXT NOT NULL,
        timeoutpriority TEXT NOT NULL DEFAULT 'app',
        autofill INTEGER NOT NULL DEFAULT 1,
        autopause TEXT NOT NULL DEFAULT 'no',
        setinterfacevar INTEGER NOT NULL DEFAULT 0,
        setqueueentryvar INTEGER NOT NULL DEFAULT 0,
        setqueuevar INTEGER NOT NULL DEFAULT 0,
        membermacro TEXT,
        "min-announce-frequency" INTEGER NOT NULL DEFAULT 60,
        "random-periodic-announce" INTEGER NOT NULL DEFAULT 0,
        "announce-position" TEXT NOT NULL DEFAULT 'yes',
        "announce-position-limit" INTEGER NOT NULL DEFAULT 5,
        defaultrule TEXT
);

CREATE TABLE queuefeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        displayname TEXT NOT NULL,
        number TEXT,
        context TEXT,
        data_quality INTEGER NOT NULL DEFAULT 0,
        dtmf_record_toggle BOOLEAN NOT NULL DEFAULT false,
        hitting_callee INTEGER NOT NULL DEFAULT 0,
        hitting_caller INTEGER NOT NULL DEFAULT 0,
        retries INTEGER NOT NULL DEFAULT 0,
        "ring" INTEGER NOT NULL DEFAULT 0,
        transfer_user INTEGER NOT NULL DEFAULT 0,
        transfer_call INTEGER NOT NULL DEFAULT 0,
        write_caller INTEGER NOT NULL DEFAULT 0,
        write_calling INTEGER NOT NULL DEFAULT 0,
        ignore_forward INTEGER NOT NULL DEFAULT 1,
        url TEXT NOT NULL DEFAULT '',
        announceoverride TEXT NOT NULL DEFAULT '',
        "timeout" INTEGER,
        preprocess_subroutine TEXT,
        announce_holdtime INTEGER NOT NULL DEFAULT 0,
        waittime INTEGER,
        waitratio REAL,
        mark_answered_elsewhere INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE queuemember (
        queue_name TEXT NOT NULL,
        interface TEXT NOT NULL,
        penalty INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        usertype TEXT NOT NULL,
        userid INTEGER NOT NULL,
        channel TEXT NOT NULL,
        category TEXT NOT NULL,
        "position" INTEGER NOT NULL DEFAULT 0,
        UNIQUE (queue_name, channel, interface, usertype, userid, category, "position"),
        PRIMARY KEY (queue_name, interface)
);

CREATE TABLE rightcall (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL DEFAULT '',
        passwd TEXT NOT NULL DEFAULT '',
        authorization INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT,
        UNIQUE (name, tenant_uuid)
);

CREATE TABLE rightcallexten (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        rightcallid INTEGER NOT NULL DEFAULT 0 REFERENCES rightcall (id) ON DELETE CASCADE,
        exten TEXT NOT NULL DEFAULT '',
        UNIQUE (rightcallid, exten)
);

CREATE TABLE rightcallmember (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        rightcallid INTEGER NOT NULL DEFAULT 0,
        type TEXT NOT NULL,
        typeval TEXT NOT NULL DEFAULT '0',
        UNIQUE (rightcallid, type, typeval)
);

CREATE TABLE pickup (
        id INTEGER NOT NULL PRIMARY KEY,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE pickupmember (
        pickupid INTEGER NOT NULL,
        category TEXT NOT NULL,
        membertype TEXT NOT NULL,
        memberid INTEGER NOT NULL,
        PRIMARY KEY (pickupid, category, membertype, memberid)
);

CREATE TABLE schedule (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT,
        timezone TEXT,
        fallback_action TEXT NOT NULL DEFAULT 'none',
        fallback_actionid TEXT,
        fallback_actionargs TEXT,
        description TEXT,
        commented INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE schedule_time (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        schedule_id INTEGER,
        mode TEXT NOT NULL DEFAULT 'opened',
        hours TEXT,
        weekdays TEXT,
        monthdays TEXT,
        months TEXT,
        action TEXT,
        actionid TEXT,
        actionargs TEXT,
        commented INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE schedule_path (
        schedule_id INTEGER NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
        path TEXT NOT NULL,
        pathid INTEGER NOT NULL,
        PRIMARY KEY (schedule_id, path, pathid)
);

CREATE TABLE moh (
        uuid TEXT NOT NULL PRIMARY KEY,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        label TEXT NOT NULL,
        mode TEXT NOT NULL,
        application TEXT,
        sort TEXT
);

CREATE TABLE switchboard (
        uuid TEXT NOT NULL PRIMARY KEY,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL,
        hold_moh_uuid TEXT REFERENCES moh (uuid) ON DELETE SET NULL,
        queue_moh_uuid TEXT REFERENCES moh (uuid) ON DELETE SET NULL,
        "timeout" INTEGER
);

CREATE TABLE switchboard_member_user (
        switchboard_uuid TEXT NOT NULL REFERENCES switchboard (uuid) ON DELETE CASCADE,
        user_uuid TEXT NOT NULL REFERENCES userfeatures (uuid) ON DELETE CASCADE,
        PRIMARY KEY (switchboard_uuid, user_uuid)
);

CREATE TABLE agentfeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        firstname TEXT,
        lastname TEXT,
        number TEXT NOT NULL,
        passwd TEXT,
        context TEXT,
        language TEXT,
        autologoff INTEGER,
        "group" TEXT,
        description TEXT,
        preprocess_subroutine TEXT,
        UNIQUE (number, tenant_uuid)
);

CREATE TABLE agentqueueskill (
        agentid INTEGER NOT NULL,
        skillid INTEGER NOT NULL,
        weight INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (agentid, skillid)
);

CREATE TABLE queueskill (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL DEFAULT '',
        description TEXT,
        UNIQUE (name, tenant_uuid)
);

CREATE TABLE agent_login_status (
        agent_id INTEGER NOT NULL PRIMARY KEY,
        agent_number TEXT NOT NULL,
        extension TEXT NOT NULL,
        context TEXT NOT NULL,
        interface TEXT NOT NULL UNIQUE,
        state_interface TEXT NOT NULL,
        paused BOOLEAN NOT NULL DEFAULT false,
        paused_reason TEXT,
        login_at TEXT NOT NULL,
        UNIQUE (extension, context)
);

CREATE TABLE trunkfeatures (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        endpoint_sip_uuid TEXT REFERENCES endpoint_sip (uuid) ON DELETE SET NULL,
        endpoint_iax_id INTEGER REFERENCES useriax (id) ON DELETE SET NULL,
        endpoint_custom_id INTEGER REFERENCES usercustom (id) ON DELETE SET NULL,
        register_iax_id INTEGER REFERENCES staticiax (id) ON DELETE SET NULL,
        registercommented INTEGER NOT NULL DEFAULT 0,
        description TEXT,
        context TEXT,
        outgoing_caller_id_format TEXT NOT NULL DEFAULT '+E164',
        twilio_incoming BOOLEAN NOT NULL DEFAULT false,
        CHECK (((register_iax_id IS NULL) OR ((register_iax_id IS NOT NULL) AND (endpoint_sip_uuid IS NULL) AND (endpoint_custom_id IS NULL)))),
        CHECK ((endpoint_sip_uuid IS NOT NULL) + (endpoint_iax_id IS NOT NULL) + (endpoint_custom_id IS NOT NULL) <= 1)
);

CREATE TABLE incall (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        preprocess_subroutine TEXT,
        greeting_sound TEXT,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE outcall (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        context TEXT,
        "internal" INTEGER NOT NULL DEFAULT 0,
        preprocess_subroutine TEXT,
        hangupringtime INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE outcalltrunk (
        outcallid INTEGER NOT NULL REFERENCES outcall (id) ON DELETE CASCADE,
        trunkfeaturesid INTEGER NOT NULL REFERENCES trunkfeatures (id),
        priority INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (outcallid, trunkfeaturesid)
);

CREATE TABLE dialpattern (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        type TEXT NOT NULL,
        typeid INTEGER NOT NULL,
        externprefix TEXT,
        prefix TEXT,
        exten TEXT NOT NULL,
        stripnum INTEGER,
        callerid TEXT
);

CREATE TABLE dialaction (
        event TEXT NOT NULL,
        category TEXT NOT NULL,
        categoryval TEXT NOT NULL DEFAULT '',
        action TEXT NOT NULL,
        actionarg1 TEXT,
        actionarg2 TEXT,
        PRIMARY KEY (event, category, categoryval)
);

CREATE TABLE callerid (
        mode TEXT,
        callerdisplay TEXT NOT NULL DEFAULT '',
        type TEXT NOT NULL,
        typeval INTEGER NOT NULL,
        PRIMARY KEY (type, typeval)
);

CREATE TABLE callfilter (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL DEFAULT '' UNIQUE,
        type TEXT NOT NULL,
        bosssecretary TEXT,
        callfrom TEXT,
        ringseconds INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE callfiltermember (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        callfilterid INTEGER NOT NULL DEFAULT 0,
        type TEXT NOT NULL,
        typeval TEXT NOT NULL DEFAULT '0',
        ringseconds INTEGER NOT NULL DEFAULT 0,
        priority INTEGER NOT NULL DEFAULT 0,
        bstype TEXT NOT NULL,
        active INTEGER NOT NULL DEFAULT 0,
        UNIQUE (callfilterid, type, typeval)
);

CREATE TABLE conference (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT,
        preprocess_subroutine TEXT,
        max_users INTEGER NOT NULL DEFAULT 50,
        record BOOLEAN NOT NULL DEFAULT false,
        pin TEXT,
        quiet_join_leave BOOLEAN NOT NULL DEFAULT false,
        announce_join_leave BOOLEAN NOT NULL DEFAULT false,
        announce_user_count BOOLEAN NOT NULL DEFAULT false,
        announce_only_user BOOLEAN NOT NULL DEFAULT true,
        music_on_hold TEXT,
        admin_pin TEXT
);

CREATE TABLE paging (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        number TEXT UNIQUE,
        name TEXT,
        duplex INTEGER NOT NULL DEFAULT 0,
        ignore INTEGER NOT NULL DEFAULT 0,
        record INTEGER NOT NULL DEFAULT 0,
        quiet INTEGER NOT NULL DEFAULT 0,
        "timeout" INTEGER NOT NULL DEFAULT 30,
        announcement_file TEXT,
        announcement_play INTEGER NOT NULL DEFAULT 0,
        announcement_caller INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        description TEXT
);

CREATE TABLE paginguser (
        pagingid INTEGER NOT NULL REFERENCES paging (id),
        userfeaturesid INTEGER NOT NULL REFERENCES userfeatures (id),
        caller INTEGER NOT NULL,
        PRIMARY KEY (pagingid, userfeaturesid, caller)
);

CREATE TABLE parking_lot (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT,
        slots_start TEXT NOT NULL,
        slots_end TEXT NOT NULL,
        "timeout" INTEGER,
        music_on_hold TEXT
);

CREATE TABLE ivr (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant_uuid TEXT NOT NULL REFERENCES tenant (uuid) ON DELETE CASCADE,
        name TEXT NOT NULL,
        greeting_sound TEXT,
        menu_sound TEXT NOT NULL,
        invalid_sound TEXT,
        abort_sound TEXT,
        "timeout" INTEGER NOT NULL DEFAULT 5,
        max_tries INTEGER NOT NULL DEFAULT 3,
        description TEXT
);

CREATE TABLE feature_extension (
        uuid TEXT NOT NULL PRIMARY KEY,
        enabled BOOLEAN NOT NULL DEFAULT true,
        exten TEXT NOT NULL UNIQUE,
        feature TEXT NOT NULL
);

CREATE TABLE features (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        cat_metric INTEGER NOT NULL DEFAULT 0,
        var_metric INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        filename TEXT NOT NULL,
        category TEXT NOT NULL,
        var_name TEXT NOT NULL,
        var_val TEXT
);

CREATE TABLE staticvoicemail (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        cat_metric INTEGER NOT NULL DEFAULT 0,
        var_metric INTEGER NOT NULL DEFAULT 0,
        commented INTEGER NOT NULL DEFAULT 0,
        filename TEXT NOT NULL,
        category TEXT NOT NULL,
        var_name TEXT NOT NULL,
        var_val TEXT
);

CREATE TABLE infos (
        uuid TEXT NOT NULL PRIMARY KEY,
        wazo_version TEXT NOT NULL,
        live_reload_enabled BOOLEAN NOT NULL DEFAULT true,
        timezone TEXT,
        configured BOOLEAN NOT NULL DEFAULT false
);

CREATE UNIQUE INDEX voicemail_one_global ON voicemail (accesstype, context) WHERE accesstype = 'global';

-- What deletes and lists look up by.
CREATE INDEX userfeatures_tenant ON userfeatures (tenant_uuid);
CREATE INDEX userfeatures_voicemail ON userfeatures (voicemailid);
CREATE INDEX context_tenant ON context (tenant_uuid);
CREATE INDEX linefeatures_context ON linefeatures (context);
CREATE INDEX linefeatures_endpoint_sip ON linefeatures (endpoint_sip_uuid);
CREATE INDEX extensions_context ON extensions (context);
CREATE INDEX voicemail_context ON voicemail (context);
CREATE INDEX user_line_line ON user_line (line_id);
CREATE INDEX line_extension_extension ON line_extension (extension_id);
CREATE INDEX endpoint_sip_tenant ON endpoint_sip (tenant_uuid);
CREATE INDEX endpoint_sip_section_endpoint ON endpoint_sip_section (endpoint_sip_uuid);
CREATE INDEX endpoint_sip_option_section ON endpoint_sip_section_option (endpoint_sip_section_uuid);
CREATE INDEX endpoint_sip_template_parent ON endpoint_sip_template (parent_uuid);
CREATE INDEX trunkfeatures_endpoint_sip ON trunkfeatures (endpoint_sip_uuid);
CREATE INDEX dialaction_owner ON dialaction (category, categoryval);
CREATE INDEX dialaction_target ON dialaction (action, actionarg1);
CREATE INDEX extensions_target ON extensions (type, typeval);
CREATE INDEX queuemember_user ON queuemember (userid);
CREATE INDEX rightcallmember_member ON rightcallmember (type, typeval);
CREATE INDEX schedule_path_path ON schedule_path (path, pathid);
CREATE INDEX pickupmember_member ON pickupmember (memberid, membertype);
CREATE INDEX switchboard_member_user_user ON switchboard_member_user (user_uuid);
CREATE INDEX func_key_dest_user_user ON func_key_dest_user (user_id);
CREATE INDEX func_key_mapping_key ON func_key_mapping (func_key_id);
CREATE INDEX userfeatures_template ON userfeatures (func_key_template_id);
