// Package hongbaotest is a hongbao for the tests of programs that send red packets:
// a server in the test's own process, spoken to over HTTP on loopback, that does
// what it is told to do wrong.
//
//	func TestPayday(t *testing.T) {
//		s := hongbaotest.New(t)
//		s.Next(hongbaotest.Fault{Lost: true}) // the packet is sent, its answer is lost
//		payday(s.Client())                    // the code under test
//		if s.Balance() != hongbaotest.Balance-1000 {
//			t.Error("the packet was not sent exactly once")
//		}
//	}
//
// # What is real
//
// Everything but the disk. The rules, the signature, the XML and the claim page are
// the server's own, from the engine down to the split; only the database is one in
// memory. So a program that passes here passes against the real thing, and no rule
// is written down twice. A fake that answers as it thinks a server would answer
// would be smaller, and wrong on the day that it matters: whether a repeat is the
// same packet, what is refused first, who may open a share before whom.
//
// It is a sandbox. SQLite is not linked into a test that uses it. Nothing is paid
// out: a share stays due. All servers are independent of each other.
package hongbaotest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
	"hongbao.example/hongbao/internal/server/claim"
	"hongbao.example/hongbao/internal/server/v2"
	"hongbao.example/hongbao/internal/store"
	"hongbao.example/hongbao/internal/store/storetest"
	"hongbao.example/hongbao/internal/vault"
	"hongbao.example/hongbao/internal/wire"
)

// The one merchant of every server.
const (
	MchID   = "10000098"
	AppID   = "wx8888888888888888" // its wxappid
	Key     = "HongbaoTestKey0123456789abcdef01"
	Balance = 100_000_000 // fen, at the start

	TicketKeyID = "hongbaotest" // the kid of claim tickets signed with Server.TicketKey
)

// What bounds a server.
const (
	bodyMax  = 64 << 10         // bytes of a body that are looked at here; the edge bounds it likewise
	patience = 10 * time.Second // with a send or a claim
	life     = 24 * time.Hour   // of a packet
)

// Server is a running server with one merchant. Its methods may be called from
// several goroutines.
type Server struct {
	URL       string             // the base URL, without a slash at its end
	TicketKey ed25519.PrivateKey // signs claim tickets, docs/api/claim.md#ticket

	http      *httptest.Server
	store     *storetest.Memory
	engine    *engine.Engine
	merchants *v2.Handler
	claimants http.Handler
	key       wire.Key
	stop      chan struct{} // closed when the server stops
	closing   sync.Once

	mu       sync.Mutex // guards all below
	faults   []Fault
	requests []Request
}

// New starts a server that is closed when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := Start()
	t.Cleanup(s.Close)
	return s
}

// Start starts a server, where there is no test to end it: Close does.
func Start() *Server {
	s := &Server{http: httptest.NewUnstartedServer(nil), store: storetest.NewMemory(), stop: make(chan struct{})}
	s.URL = "http://" + s.http.Listener.Addr().String()
	err := s.open()
	if err == nil {
		err = s.enrol()
	}
	if err != nil {
		panic("hongbaotest: " + err.Error()) // there is no disk that could be full
	}
	s.http.Config.Handler = http.HandlerFunc(s.serve)
	s.http.Start()
	return s
}

// open starts the engine and puts the edges in front of it.
func (s *Server) open() (err error) {
	began, log := time.Now(), slog.New(slog.DiscardHandler) //nolint:forbidigo // the clock of a program
	s.engine, err = engine.New(engine.Config{
		Store: s.store, Vault: vault.New(vault.NewKey()), Environment: packet.Sandbox, Random: rand.Reader, Log: log,
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, //nolint:forbidigo // likewise
		Channel: engine.Channel{Name: "sandbox", Min: 1, Cap: 200 * money.Yuan}, Providers: "sandbox,ticket", SweepOff: true,
	})
	if err != nil {
		return err
	}
	address := func(r *http.Request) string { return r.RemoteAddr }
	s.merchants = v2.New(v2.Config{Engine: s.engine, BaseURL: s.URL, Log: log, Wait: patience, Life: life, Address: address})
	s.claimants, err = claim.New(claim.Config{
		Engine: s.engine, BaseURL: s.URL, Log: log, Wait: patience, Address: address, Payouts: nobodyPays{}, Stop: s.stop,
	})
	return err
}

// nobodyPays stands where the payout worker would.
type nobodyPays struct{}

func (nobodyPays) Revisit(context.Context, packet.ID, packet.Claimant) error { return nil }

// enrol adds the merchant.
func (s *Server) enrol() (err error) {
	ctx := context.Background()
	if s.key, err = wire.NewKey(Key); err != nil {
		return err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	s.TicketKey = private
	settings := store.Settings{AppIDs: []string{AppID}, Unlimited: true}
	if err := s.engine.AddMerchant(ctx, store.Merchant{MchID: MchID, Name: "hongbaotest", Settings: settings}); err != nil {
		return err
	}
	_, keyErr := s.engine.AddAPIKey(ctx, MchID, Key, 0)
	ticketErr := s.engine.AddTicketKey(ctx, MchID, engine.TicketKey{ID: TicketKeyID, Alg: "EdDSA", Public: public})
	_, fundErr := s.engine.Fund(ctx, MchID, Balance, "start")
	return errors.Join(keyErr, ticketErr, fundErr)
}

// Close stops the server, after it has answered what it was asked, without further
// delay. A second Close does nothing.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.stop)
		s.http.Close()
		s.engine.Close()
		_ = s.store.Close() // a store in memory closes
	})
}

// Config is how to reach the server, to be changed at will. The pauses between
// tries are short.
func (s *Server) Config() hongbao.Config {
	return hongbao.Config{
		BaseURL: s.URL, MchID: MchID, Key: Key, Sandbox: true, Retry: hongbao.Retry{Pause: time.Millisecond},
	}
}

// Client returns a client made of Config.
func (s *Server) Client() *hongbao.Client {
	c, err := hongbao.New(s.Config())
	if err != nil {
		panic("hongbaotest: " + err.Error())
	}
	return c
}

// Request is one call of the merchant protocol, as it came.
type Request struct {
	Call   string         // such as sendgroupredpack
	Fields hongbao.Fields // every element, sign included; nil if the body could not be read
}

// Requests returns the calls so far, the oldest first, faults or not.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// serve answers a request: of a merchant, or else of a claimant.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.merchants.Serves(r.URL.Path) {
		s.claimants.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, bodyMax)) // a caller who has gone reads no answer
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	doc, _ := wire.Parse(body) // nil if it is not one: the edge says so
	s.answer(w, r, s.note(callOf(r), doc), doc)
}

func callOf(r *http.Request) wire.Call { return wire.Call(path.Base(r.URL.Path)) }

// note keeps a request, and returns what is to happen to it.
func (s *Server) note(call wire.Call, doc wire.Document) (f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	request := Request{Call: string(call)}
	for _, e := range doc {
		if request.Fields == nil {
			request.Fields = make(hongbao.Fields, len(doc))
		}
		request.Fields[e.Name] = e.Value
	}
	s.requests = append(s.requests, request)
	if len(s.faults) > 0 {
		f, s.faults = s.faults[0], s.faults[1:]
	}
	return f
}
