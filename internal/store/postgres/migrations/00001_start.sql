-- +goose Up

-- Amounts are whole fen, times are milliseconds since 1970 (UTC). What is called
-- sealed is encrypted under the instance key. Hashes are SHA-256. Texts that are keys
-- or that lists are ordered by compare byte by byte (COLLATE "C"), as everywhere else.
--
-- Every primary key starts with packet_id (id, of a head) or mch_id, and every unique
-- index contains it: by that column a distributed engine spreads the tables.

-- What an entry of each kind debits and credits. The numbers are part of hashes
-- and never change.
CREATE TABLE kinds (
    kind   bigint PRIMARY KEY,
    name   text   NOT NULL,
    debit  text, -- an account of the double entry, NULL when the kind moves nothing
    credit text
);
INSERT INTO kinds (kind, name, debit, credit) VALUES
    ( 1, 'fund',     'outside',   'available'),
    ( 2, 'withdraw', 'available', 'outside'),
    ( 3, 'send',     'available', 'packet'),
    ( 4, 'claim',    'packet',    'due'),
    ( 5, 'hold',     NULL,        NULL),
    ( 6, 'release',  NULL,        NULL),
    ( 7, 'refund',   'packet',    'available'),
    ( 8, 'return',   'due',       'available'),
    ( 9, 'reserve',  'due',       'in_flight'),
    (10, 'post',     'in_flight', 'paid'),
    (11, 'void',     'in_flight', 'due');

-- How far each packet has come: the head of its book, derived from it. Narrow,
-- because every claim rewrites it.
CREATE TABLE packets (
    id          bigint  PRIMARY KEY, -- 42 bits of milliseconds, 21 of chance
    seq         bigint  NOT NULL,    -- number of the last entry of the book
    hash        bytea   NOT NULL,    -- of that entry
    at          bigint  NOT NULL,    -- time of that entry
    claimed_num bigint  NOT NULL,    -- shares taken, and so the next slot
    claimed     bigint  NOT NULL,
    refunded    bigint  NOT NULL,    -- the rest, at the end of life
    returned    bigint  NOT NULL,    -- claimed shares that went back later
    held        boolean NOT NULL,    -- no claims until released
    ended       boolean NOT NULL,    -- for ever
    settled     boolean NOT NULL,    -- nothing remains to be done, until the book grows
    expires_at  bigint  NOT NULL     -- as in terms, for the index
) WITH (fillfactor = 50); -- a new version of a head finds room beside the old one
-- Neither index is touched by a claim that leaves the packet open.
CREATE INDEX packets_due ON packets (expires_at, id) WHERE NOT ended AND NOT held;
CREATE INDEX packets_unsettled ON packets (id) WHERE NOT settled;

-- What was sent. Never changes. The first entry of the book holds its digest.
CREATE TABLE terms (
    packet_id    bigint           PRIMARY KEY,
    mch_id       text COLLATE "C" NOT NULL,
    mch_billno   text COLLATE "C" NOT NULL,
    type         text             NOT NULL,                 -- GROUP, or NORMAL for a packet of the seed alone
    wxappid      text             NOT NULL,                 -- the space in which claimants are known
    send_name    text             NOT NULL,
    wishing      text             NOT NULL,
    act_name     text             NOT NULL,
    remark       text             NOT NULL,
    total        bigint           NOT NULL CHECK (total > 0),
    num          bigint           NOT NULL CHECK (num > 0), -- shares
    law          text             NOT NULL,                 -- of the split
    min          bigint           NOT NULL,                 -- of a share
    cap          bigint           NOT NULL,                 -- of a share
    commitment   bytea            NOT NULL,                 -- to the split, published at send
    seed         bytea            NOT NULL,                 -- claimant
    providers    text             NOT NULL,                 -- who may vouch for claimants, comma-separated
    channel      text             NOT NULL,                 -- of payout
    claimant_key bigint           NOT NULL,                 -- id of the key behind every claimant of this packet
    link_key     bigint           NOT NULL,                 -- id of the key behind its links
    sent_at      bigint           NOT NULL,
    expires_at   bigint           NOT NULL,
    secret       bytea            NOT NULL,                 -- sealed, the split follows from it
    seed_ref     bytea            NOT NULL                  -- sealed, the seed's openid
);
CREATE INDEX terms_mch ON terms (mch_id, packet_id);

-- One share in one person's hands, an entry of the packet's book. Written once. The
-- keys keep a person from claiming twice and a slot from being given out twice; both
-- follow from the head too, which is moved on only from the seq it was read at.
CREATE TABLE claims (
    packet_id  bigint NOT NULL,
    claimant   bytea  NOT NULL, -- keyed hash of a person
    seq        bigint NOT NULL, -- of the entry
    slot       bigint NOT NULL CHECK (slot >= 0),
    parent     bigint,          -- slot of the claim whose link brought them, NULL for the seed
    amount     bigint NOT NULL CHECK (amount > 0),
    at         bigint NOT NULL,
    payee_hash bytea  NOT NULL, -- keyed hash of whom to pay, part of the chain
    hash       bytea  NOT NULL, -- of this entry and all before it
    payee      bytea,           -- sealed, outside the chain, NULL when erased
    name       text   NOT NULL, -- outside the chain
    PRIMARY KEY (packet_id, claimant),
    UNIQUE (packet_id, slot)
);

-- All other entries of packets' books: send, hold, release, refund, return.
CREATE TABLE entries (
    packet_id bigint NOT NULL,
    seq       bigint NOT NULL,
    kind      bigint NOT NULL,
    amount    bigint NOT NULL CHECK (amount >= 0), -- 0 for hold and release
    at        bigint NOT NULL,
    note      text   NOT NULL,                     -- why it was held, which slot returned, the digest of the terms
    hash      bytea  NOT NULL,
    PRIMARY KEY (packet_id, seq)
);

-- How far each worker has followed a packet's book.
CREATE TABLE followers (
    packet_id bigint           NOT NULL,
    worker    text COLLATE "C" NOT NULL,
    seq       bigint           NOT NULL, -- every entry up to here has been acted on
    fence     bigint           NOT NULL, -- grows with each move
    PRIMARY KEY (packet_id, worker)
);

-- Attempts to move a claimed share to its claimant. The key is the identity from
-- which the rail's own key follows, so it holds no slot and no random number.
CREATE TABLE payouts (
    packet_id  bigint           NOT NULL,
    claimant   bytea            NOT NULL,
    generation bigint           NOT NULL CHECK (generation > 0), -- 1 for the first attempt
    slot       bigint           NOT NULL CHECK (slot >= 0),
    mch_id     text COLLATE "C" NOT NULL,
    channel    text             NOT NULL,
    rail_key   text             NOT NULL,
    amount     bigint           NOT NULL CHECK (amount > 0),
    payee      bytea,                                            -- sealed, as in the claim
    frozen     bytea,                                            -- sealed, the exact request, NULL before it is made
    state      text             NOT NULL,
    version    bigint           NOT NULL,                        -- grows by one with each change
    attempts   bigint           NOT NULL,
    next_check bigint           NOT NULL,                        -- when to look at it again; until then a worker may be at it
    operator   boolean          NOT NULL,                        -- waits for an operator
    mendable   boolean          NOT NULL,                        -- refused for a reason the payee can mend
    returned   boolean          NOT NULL,                        -- the share went back to the merchant
    code       text             NOT NULL,
    rail_ref   text             NOT NULL,
    created_at bigint           NOT NULL,
    updated_at bigint           NOT NULL,
    PRIMARY KEY (packet_id, claimant, generation)
);
CREATE INDEX payouts_due ON payouts (next_check, packet_id, claimant, generation)
    WHERE state NOT IN ('done', 'refused', 'cancelled') AND NOT operator;

-- Every change of a payout, kept for ever.
CREATE TABLE payout_events (
    packet_id  bigint NOT NULL,
    claimant   bytea  NOT NULL,
    generation bigint NOT NULL,
    num        bigint NOT NULL, -- 1, 2, … within the payout
    state      text   NOT NULL,
    source     text   NOT NULL, -- create, query, callback, operator, lease
    evidence   text   NOT NULL, -- hash of the channel's answer, or words
    at         bigint NOT NULL,
    PRIMARY KEY (packet_id, claimant, generation, num)
);

-- Heads of merchants' books.
CREATE TABLE accounts (
    mch_id  text COLLATE "C" PRIMARY KEY,
    seq     bigint           NOT NULL,
    balance bigint           NOT NULL CHECK (balance >= 0),
    hash    bytea            NOT NULL,
    at      bigint           NOT NULL
);

-- Entries of merchants' books. Send, refund and return stand in the packet's book
-- as well, under the same ref.
CREATE TABLE account_entries (
    mch_id text COLLATE "C" NOT NULL,
    seq    bigint           NOT NULL,
    kind   bigint           NOT NULL,
    ref    text COLLATE "C" NOT NULL, -- packet_id/seq of the other book, or the reference of a funding
    amount bigint           NOT NULL CHECK (amount > 0),
    at     bigint           NOT NULL,
    hash   bytea            NOT NULL,
    PRIMARY KEY (mch_id, seq),
    UNIQUE (mch_id, ref)
);

-- Merchants' own numbers for what they sent, their key to safe repeats.
CREATE TABLE bills (
    mch_id     text COLLATE "C" NOT NULL,
    mch_billno text COLLATE "C" NOT NULL,
    packet_id  bigint           NOT NULL,
    fields     text             NOT NULL, -- JSON, keyed hashes of what a repeat must equal
    link       text             NOT NULL, -- token of the root link
    at         bigint           NOT NULL,
    PRIMARY KEY (mch_id, mch_billno)
);

-- What each merchant has sent on the latest day on which it sent anything, in all
-- and to each seed claimant, to hold it to the quotas of the day. Follows from what
-- was sent; without a quota there is no row.
CREATE TABLE day_sums (
    mch_id text COLLATE "C" NOT NULL,
    day    bigint           NOT NULL, -- in Beijing, such as 20261124
    seed   bytea            NOT NULL, -- claimant, all zero for the sum over everybody
    num    bigint           NOT NULL, -- packets, over everybody those of a group
    amount bigint           NOT NULL, -- to one seed, the average share of each packet, rounded up
    PRIMARY KEY (mch_id, day, seed)
);

-- Who pays.
CREATE TABLE merchants (
    mch_id     text COLLATE "C" PRIMARY KEY,
    name       text             NOT NULL,
    created_at bigint           NOT NULL,
    settings   text             NOT NULL -- JSON
);

-- Keys of merchants.
CREATE TABLE keys (
    mch_id     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL, -- kid of a ticket key, fingerprint of an API key
    use        text             NOT NULL, -- api, ticket
    alg        text             NOT NULL,
    sealed     bytea,                     -- an API key or a shared secret
    public     bytea,                     -- a public key
    created_at bigint           NOT NULL,
    not_after  bigint           NOT NULL, -- 0: no end
    PRIMARY KEY (mch_id, id)
);

-- What is true of the whole database.
CREATE TABLE settings (
    name  text COLLATE "C" PRIMARY KEY,
    value text             NOT NULL
);

-- Claim tickets that were used up, until they expire.
CREATE TABLE tickets (
    mch_id     text COLLATE "C" NOT NULL,
    jti        bytea            NOT NULL, -- hash of the ticket's id
    expires_at bigint           NOT NULL,
    PRIMARY KEY (mch_id, jti)
);
CREATE INDEX tickets_expiry ON tickets (mch_id, expires_at);

-- The double entry of everything. What crosses from a merchant's book to a
-- packet's is shown once, as the packet's book has it, so the sum over debits and
-- credits of one mch_id is that merchant's trial balance. What a payout moves
-- stands in no book and follows from how far it has come: packet_id is then the
-- packet's and seq NULL.
CREATE VIEW transfers (mch_id, packet_id, seq, kind, debit, credit, amount, at, ref) AS
    SELECT a.mch_id, NULL, a.seq, k.name, k.debit, k.credit, a.amount, a.at, a.ref
      FROM account_entries AS a JOIN kinds AS k ON k.kind = a.kind
     WHERE k.name IN ('fund', 'withdraw')
    UNION ALL
    SELECT t.mch_id, e.packet_id, e.seq, k.name, k.debit, k.credit, e.amount, e.at, e.packet_id || '/' || e.seq
      FROM entries AS e JOIN terms AS t ON t.packet_id = e.packet_id JOIN kinds AS k ON k.kind = e.kind
     WHERE k.debit IS NOT NULL
    UNION ALL
    SELECT t.mch_id, c.packet_id, c.seq, k.name, k.debit, k.credit, c.amount, c.at, c.packet_id || '/' || c.seq
      FROM claims AS c JOIN terms AS t ON t.packet_id = c.packet_id JOIN kinds AS k ON k.name = 'claim'
    UNION ALL
    SELECT p.mch_id, p.packet_id, NULL, k.name, k.debit, k.credit, p.amount, p.updated_at, p.rail_key
      FROM payouts AS p JOIN kinds AS k
        ON k.name = 'reserve' AND p.state <> 'queued'
        OR k.name = 'post' AND p.state = 'done'
        OR k.name = 'void' AND p.state IN ('refused', 'cancelled');
