-- +goose Up

-- Amounts are whole fen, times are milliseconds since 1970 (UTC). What is called
-- sealed is encrypted under the instance key. Hashes are SHA-256. Tables of narrow
-- rows lie in the order of their keys (WITHOUT ROWID), the others in that of arrival.

-- What an entry of each kind debits and credits. The numbers are part of hashes
-- and never change.
CREATE TABLE kinds (
    kind   INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    debit  TEXT, -- an account of the double entry, NULL when the kind moves nothing
    credit TEXT
) STRICT;
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
    id          INTEGER PRIMARY KEY, -- 42 bits of milliseconds, 21 of chance
    seq         INTEGER NOT NULL,    -- number of the last entry of the book
    hash        BLOB    NOT NULL,    -- of that entry
    at          INTEGER NOT NULL,    -- time of that entry
    claimed_num INTEGER NOT NULL,    -- shares taken, and so the next slot
    claimed     INTEGER NOT NULL,
    refunded    INTEGER NOT NULL,    -- the rest, at the end of life
    returned    INTEGER NOT NULL,    -- claimed shares that went back later
    held        INTEGER NOT NULL,    -- 1: no claims until released
    ended       INTEGER NOT NULL,    -- 1: for ever
    settled     INTEGER NOT NULL,    -- 1: nothing remains to be done, until the book grows
    expires_at  INTEGER NOT NULL     -- as in terms, for the index
) STRICT;
-- Neither index is touched by a claim that leaves the packet open.
CREATE INDEX packets_due ON packets (expires_at) WHERE ended = 0 AND held = 0;
CREATE INDEX packets_unsettled ON packets (id) WHERE settled = 0;

-- What was sent. Never changes. The first entry of the book holds its digest.
CREATE TABLE terms (
    packet_id    INTEGER PRIMARY KEY,
    mch_id       TEXT    NOT NULL,
    mch_billno   TEXT    NOT NULL,
    type         TEXT    NOT NULL, -- GROUP, or NORMAL for a packet of the seed alone
    wxappid      TEXT    NOT NULL, -- the space in which claimants are known
    send_name    TEXT    NOT NULL,
    wishing      TEXT    NOT NULL,
    act_name     TEXT    NOT NULL,
    remark       TEXT    NOT NULL,
    total        INTEGER NOT NULL CHECK (total > 0),
    num          INTEGER NOT NULL CHECK (num > 0), -- shares
    law          TEXT    NOT NULL, -- of the split
    min          INTEGER NOT NULL, -- of a share
    cap          INTEGER NOT NULL, -- of a share
    commitment   BLOB    NOT NULL, -- to the split, published at send
    seed         BLOB    NOT NULL, -- claimant
    providers    TEXT    NOT NULL, -- who may vouch for claimants, comma-separated
    channel      TEXT    NOT NULL, -- of payout
    claimant_key INTEGER NOT NULL, -- id of the key behind every claimant of this packet
    link_key     INTEGER NOT NULL, -- id of the key behind its links
    sent_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    secret       BLOB    NOT NULL, -- sealed, the split follows from it
    seed_ref     BLOB    NOT NULL  -- sealed, the seed's openid
) STRICT;
-- Its row id is the packet's, so this is (mch_id, packet_id).
CREATE INDEX terms_mch ON terms (mch_id);

-- One share in one person's hands, an entry of the packet's book. Written once.
-- The one key keeps a person from claiming twice, and another would cost each
-- claim more pages. That a slot is given out once follows from the head, which is
-- moved on only from the seq it was read at.
CREATE TABLE claims (
    packet_id  INTEGER NOT NULL,
    claimant   BLOB    NOT NULL, -- keyed hash of a person
    seq        INTEGER NOT NULL, -- of the entry
    slot       INTEGER NOT NULL CHECK (slot >= 0),
    parent     INTEGER,          -- slot of the claim whose link brought them, NULL for the seed
    amount     INTEGER NOT NULL CHECK (amount > 0),
    at         INTEGER NOT NULL,
    payee_hash BLOB    NOT NULL, -- keyed hash of whom to pay, part of the chain
    hash       BLOB    NOT NULL, -- of this entry and all before it
    payee      BLOB,             -- sealed, outside the chain, NULL when erased
    name       TEXT    NOT NULL, -- outside the chain
    PRIMARY KEY (packet_id, claimant)
) STRICT;

-- All other entries of packets' books: send, hold, release, refund, return.
CREATE TABLE entries (
    packet_id INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount >= 0), -- 0 for hold and release
    at        INTEGER NOT NULL,
    note      TEXT    NOT NULL, -- why it was held, which slot returned, the digest of the terms
    hash      BLOB    NOT NULL,
    PRIMARY KEY (packet_id, seq)
) STRICT, WITHOUT ROWID;

-- How far each worker has followed a packet's book.
CREATE TABLE followers (
    packet_id INTEGER NOT NULL,
    worker    TEXT    NOT NULL,
    seq       INTEGER NOT NULL, -- every entry up to here has been acted on
    fence     INTEGER NOT NULL, -- grows with each move
    PRIMARY KEY (packet_id, worker)
) STRICT, WITHOUT ROWID;

-- Attempts to move a claimed share to its claimant. The key is the identity from
-- which the rail's own key follows, so it holds no slot and no random number.
CREATE TABLE payouts (
    packet_id  INTEGER NOT NULL,
    claimant   BLOB    NOT NULL,
    generation INTEGER NOT NULL CHECK (generation > 0), -- 1 for the first attempt
    slot       INTEGER NOT NULL CHECK (slot >= 0),
    mch_id     TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    rail_key   TEXT    NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount > 0),
    payee      BLOB,             -- sealed, as in the claim
    frozen     BLOB,             -- sealed, the exact request, NULL before it is made
    state      TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- grows by one with each change
    attempts   INTEGER NOT NULL,
    next_check INTEGER NOT NULL, -- when to look at it again; until then a worker may be at it
    operator   INTEGER NOT NULL, -- 1: waits for an operator
    mendable   INTEGER NOT NULL, -- 1: refused for a reason the payee can mend
    returned   INTEGER NOT NULL, -- 1: the share went back to the merchant
    code       TEXT    NOT NULL,
    rail_ref   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (packet_id, claimant, generation)
) STRICT;
CREATE INDEX payouts_due ON payouts (next_check, packet_id, claimant, generation)
    WHERE state NOT IN ('done', 'refused', 'cancelled') AND operator = 0;

-- Every change of a payout, kept for ever.
CREATE TABLE payout_events (
    packet_id  INTEGER NOT NULL,
    claimant   BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    num        INTEGER NOT NULL, -- 1, 2, … within the payout
    state      TEXT    NOT NULL,
    source     TEXT    NOT NULL, -- create, query, callback, operator, lease
    evidence   TEXT    NOT NULL, -- hash of the channel's answer, or words
    at         INTEGER NOT NULL,
    PRIMARY KEY (packet_id, claimant, generation, num)
) STRICT, WITHOUT ROWID;

-- Heads of merchants' books.
CREATE TABLE accounts (
    mch_id  TEXT    PRIMARY KEY,
    seq     INTEGER NOT NULL,
    balance INTEGER NOT NULL CHECK (balance >= 0),
    hash    BLOB    NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Entries of merchants' books. Send, refund and return stand in the packet's book
-- as well, under the same ref.
CREATE TABLE account_entries (
    mch_id TEXT    NOT NULL,
    seq    INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    ref    TEXT    NOT NULL, -- packet_id/seq of the other book, or the reference of a funding
    amount INTEGER NOT NULL CHECK (amount > 0),
    at     INTEGER NOT NULL,
    hash   BLOB    NOT NULL,
    PRIMARY KEY (mch_id, seq),
    UNIQUE (mch_id, ref)
) STRICT, WITHOUT ROWID;

-- Merchants' own numbers for what they sent, their key to safe repeats.
CREATE TABLE bills (
    mch_id     TEXT    NOT NULL,
    mch_billno TEXT    NOT NULL,
    packet_id  INTEGER NOT NULL,
    fields     TEXT    NOT NULL, -- JSON, keyed hashes of what a repeat must equal
    link       TEXT    NOT NULL, -- token of the root link
    at         INTEGER NOT NULL,
    PRIMARY KEY (mch_id, mch_billno)
) STRICT;

-- What each merchant has sent on the latest day on which it sent anything, in all
-- and to each seed claimant, to hold it to the quotas of the day. Follows from what
-- was sent; without a quota there is no row.
CREATE TABLE day_sums (
    mch_id TEXT    NOT NULL,
    day    INTEGER NOT NULL, -- in Beijing, such as 20261124
    seed   BLOB    NOT NULL, -- claimant, all zero for the sum over everybody
    num    INTEGER NOT NULL, -- packets, over everybody those of a group
    amount INTEGER NOT NULL, -- to one seed, the average share of each packet, rounded up
    PRIMARY KEY (mch_id, day, seed)
) STRICT, WITHOUT ROWID;

-- Who pays.
CREATE TABLE merchants (
    mch_id     TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    settings   TEXT    NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;

-- Keys of merchants.
CREATE TABLE keys (
    mch_id     TEXT    NOT NULL,
    id         TEXT    NOT NULL, -- kid of a ticket key, fingerprint of an API key
    use        TEXT    NOT NULL, -- api, ticket
    alg        TEXT    NOT NULL,
    sealed     BLOB,             -- an API key or a shared secret
    public     BLOB,             -- a public key
    created_at INTEGER NOT NULL,
    not_after  INTEGER NOT NULL, -- 0: no end
    PRIMARY KEY (mch_id, id)
) STRICT, WITHOUT ROWID;

-- What is true of the whole database.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Claim tickets that were used up, until they expire.
CREATE TABLE tickets (
    mch_id     TEXT    NOT NULL,
    jti        BLOB    NOT NULL, -- hash of the ticket's id
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (mch_id, jti)
) STRICT, WITHOUT ROWID;
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
