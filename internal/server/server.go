package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/payout"
	"hongbao.example/hongbao/internal/server/claim"
	"hongbao.example/hongbao/internal/server/ops"
	"hongbao.example/hongbao/internal/server/throttle"
	"hongbao.example/hongbao/internal/server/v2"
)

// What bounds a connection.
const (
	headerWait = 10 * time.Second
	readWait   = 30 * time.Second
	writeWait  = 60 * time.Second
	idleWait   = 2 * time.Minute
	closeWait  = 4 * time.Second // with the default stop_wait, 14 s in all
	headerMax  = 32 << 10
)

// Server is a running program. It listens from New on and answers from Serve on.
type Server struct {
	*Core
	baseURL  string
	log      *slog.Logger
	release  func() error // of the lock on the database file
	worker   *payout.Worker
	public   *http.Server
	operator *http.Server
	panics   atomic.Int64 // of handlers

	publicListener, operatorListener net.Listener
}

// New opens everything cfg names. An empty BaseURL becomes the address it listens
// on. A second server on the same file is refused.
func New(ctx context.Context, cfg config.Config, o Options) (_ *Server, err error) {
	s := &Server{log: o.withDefaults().Log}
	defer func() { //nolint:contextcheck // nobody's context ends the end
		if err != nil {
			err = errors.Join(err, s.giveUp())
		}
	}()
	if s.release, err = lockDatabase(cfg.Database); err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	if s.publicListener, err = listen.Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if s.operatorListener, err = listen.Listen(ctx, "tcp", cfg.OpsListen); err != nil {
		return nil, fmt.Errorf("ops_listen: %w", err)
	}
	if s.baseURL = cfg.BaseURL; s.baseURL == "" {
		s.baseURL = s.localURL(cfg)
	}
	if s.Core, err = OpenCore(ctx, cfg, o, true); err != nil {
		return nil, err
	}
	if s.worker, err = s.newWorker(); err != nil {
		return nil, err
	}
	if err := s.newServers(o.Version); err != nil {
		return nil, err
	}
	return s, nil
}

// giveUp undoes New as far as it came.
func (s *Server) giveUp() (err error) {
	for _, l := range []net.Listener{s.publicListener, s.operatorListener} {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	if s.Core != nil {
		err = errors.Join(err, s.Core.Close())
	}
	if s.release != nil {
		err = errors.Join(err, s.release())
	}
	return err
}

// reachable writes an address so that this machine can connect to it.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (s *Server) newWorker() (*payout.Worker, error) {
	return payout.New(payout.Config{
		Engine: s.Engine, Store: s.Store, Channels: s.channels, Log: s.log,
	})
}

// newServers makes the HTTP servers of the public and the operator's listener.
func (s *Server) newServers(version string) error {
	cfg := s.Config
	stop := make(chan struct{})
	address := clientAddress(cfg.Proxies)
	claims := throttle.New(cfg.Limits.ClaimsPerS, 4*cfg.Limits.ClaimsPerS)
	claimants, err := claim.New(claim.Config{
		Engine: s.Engine, BaseURL: s.baseURL, Log: s.log, Wait: time.Duration(cfg.Limits.RequestWait),
		Address: address, Rate: claims, Payouts: s.worker, Stop: stop,
	})
	if err != nil {
		return err
	}
	authorities, err := readAuthorities(cfg.TLS.ClientCA)
	if err != nil {
		return fmt.Errorf("tls: client_ca: %w", err)
	}
	merchants := v2.New(v2.Config{
		Engine: s.Engine, BaseURL: s.baseURL, Log: s.log, Wait: time.Duration(cfg.Limits.RequestWait),
		Life: time.Duration(cfg.Packets.Life), Address: address, ClientCA: authorities,
		Rate: throttle.New(20*cfg.Limits.ClaimsPerS, 40*cfg.Limits.ClaimsPerS),
	})
	s.public = s.newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if merchants.Serves(r.URL.Path) {
			merchants.ServeHTTP(w, r)
			return
		}
		claimants.ServeHTTP(w, r)
	}))
	s.public.RegisterOnShutdown(func() { close(stop) })
	s.operator = s.newServer(ops.New(ops.Config{Engine: s.Engine, Payouts: s.worker, Panics: &s.panics, Version: version}))
	if cfg.TLS.Cert == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	// A client's certificate is asked for and judged later, by its merchant's policy,
	// so that a refusal can be explained in words.
	s.public.TLSConfig = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert,
	}
	return nil
}

// readAuthorities reads who may sign client certificates; nil if no file is named.
func readAuthorities(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no authority: no certificate is of one
	}
	text, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in PEM", name)
	}
	return pool, nil
}

func (s *Server) newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: guard{h, s.log, &s.panics}, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), // what strangers do at a handshake is no error of ours
		ReadHeaderTimeout: headerWait, ReadTimeout: readWait, WriteTimeout: writeWait, IdleTimeout: idleWait,
		MaxHeaderBytes: headerMax,
	}
}

// URL is the address of the public edges, without a slash at its end.
func (s *Server) URL() string { return s.baseURL }

// LocalURL is an address at which this machine reaches the public edges.
func (s *Server) LocalURL() string { return s.localURL(s.Config) }

func (s *Server) localURL(cfg config.Config) string {
	scheme := "http://"
	if cfg.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + reachable(s.publicListener.Addr())
}

// OpsURL is the address of the operator's edge.
func (s *Server) OpsURL() string { return "http://" + reachable(s.operatorListener.Addr()) }

// Serve answers until ctx ends; then it stops accepting, answers what it has
// accepted, within the configuration's stop_wait, and gives everything up.
func (s *Server) Serve(ctx context.Context) error {
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var paying sync.WaitGroup
	paying.Go(func() { s.worker.Run(background) })
	ended := make(chan error, 2)
	go func() { ended <- s.operator.Serve(s.operatorListener) }()
	go func() {
		if s.public.TLSConfig != nil {
			ended <- s.public.ServeTLS(s.publicListener, "", "")
			return
		}
		ended <- s.public.Serve(s.publicListener)
	}()
	running, fatal := cap(ended), error(nil)
	select {
	case <-ctx.Done():
	case fatal = <-ended:
		running--
	}
	wait, stop := context.WithTimeout(background, time.Duration(s.Config.Limits.StopWait))
	defer stop()
	err := s.public.Shutdown(wait)
	if err != nil {
		s.log.Warn("some callers were not answered in time", "error", err)
		err = s.public.Close()
	}
	err = errors.Join(err, s.operator.Shutdown(wait))
	cancel()
	for range running {
		if e := <-ended; e != nil && !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return errors.Join(fatal, err, s.close(&paying)) //nolint:contextcheck // nobody's context ends the end
}

// close gives up the database once what is under way has ended, or has not in closeWait:
// a database that does not answer must not keep the process, and what a commit of unknown
// fate comes to is the database's to say, not ours.
func (s *Server) close(paying *sync.WaitGroup) error {
	closed := make(chan error, 1)
	go func() {
		paying.Wait()
		closed <- errors.Join(s.Core.Close(), s.release())
	}()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case err := <-closed:
		return err
	case <-late.C:
		s.log.Warn("the database does not answer; stopping without it", "waited", closeWait.String())
		return nil
	}
}
