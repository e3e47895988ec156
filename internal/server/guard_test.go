package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"hongbao.example/hongbao/internal/server"
)

// logged is a log that several goroutines write.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve runs a server that answers the public by h and logs at the usual level.
func serve(t *testing.T, h http.Handler) (s *server.Server, log *logged) {
	t.Helper()
	log = new(logged)
	s, err := server.New(t.Context(), configuration(t, t.TempDir()), server.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	must(t, err)
	server.ServePublic(s, h)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-served)
	})
	return s, log
}

// fetch reads a whole answer.
func fetch(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	resp, err := http.Get(url)
	must(t, err)
	text, err := io.ReadAll(resp.Body)
	must(t, resp.Body.Close())
	return resp.StatusCode, string(text), err
}

// TestAPanicIsSeen: the caller is answered, the log has it once and without the
// link's token, the operator's metrics count it.
func TestAPanicIsSeen(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/p/{token}", func(http.ResponseWriter, *http.Request) { panic("money: 1 + 1 overflows") })
	s, log := serve(t, mux)
	status, body, err := fetch(t, s.LocalURL()+"/p/aToken?ticket=aSecret")
	id, ok := strings.CutPrefix(strings.TrimSpace(body), "internal error ")
	if status != http.StatusInternalServerError || !ok || id == "" || err != nil {
		t.Errorf("the caller is answered %d %q, %v", status, body, err)
	}
	text := log.String()
	for _, want := range []string{"level=ERROR", "request=" + id, "pattern=/p/{token}", "money: 1 + 1 overflows", "guard_test.go"} {
		if strings.Count(text, want) == 0 {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "aToken") || strings.Contains(text, "aSecret") || strings.Count(text, "\n") != 1 {
		t.Errorf("the log says too much:\n%s", text)
	}
	if _, metrics, _ := fetch(t, s.OpsURL()+"/metrics"); !strings.Contains(metrics, "\nhongbao_panics_total 1\n") {
		t.Error("the metrics do not count the panic")
	}
}

// TestHalfAnAnswerIsBrokenOff: what was begun before the panic must not pass for whole.
func TestHalfAnAnswerIsBrokenOff(t *testing.T) {
	t.Parallel()
	s, log := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		panic("late")
	}))
	if _, body, err := fetch(t, s.LocalURL()); body != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the caller reads %q, %v", body, err)
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 {
		t.Errorf("logged:\n%s", text)
	}
}

// TestAbortingIsNoPanic: a handler may break an answer off on purpose.
func TestAbortingIsNoPanic(t *testing.T) {
	t.Parallel()
	s, log := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	resp, err := http.Get(s.LocalURL())
	if !errors.Is(err, io.EOF) {
		t.Errorf("the caller reads %v", err)
	}
	if err == nil {
		must(t, resp.Body.Close())
	}
	if text := log.String(); text != "" {
		t.Errorf("logged:\n%s", text)
	}
}

func TestWhereACallerIs(t *testing.T) {
	t.Parallel()
	of := server.ClientAddress([]string{"10.0.0.0/8", "fd00::/8"})
	for name, c := range map[string]struct{ from, forwarded, want string }{
		"no proxy":                   {"203.0.113.9:4711", "6.6.6.6", "203.0.113.9"},
		"a proxy that says nothing":  {"10.0.0.1:99", "", "10.0.0.1"},
		"a proxy":                    {"10.0.0.1:99", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
		"two proxies":                {"10.0.0.1:99", "6.6.6.6,203.0.113.9 , 10.2.3.4", "203.0.113.9"},
		"a proxy that adds ports":    {"10.0.0.1:99", "6.6.6.6, 203.0.113.9:4711", "203.0.113.9"},
		"IPv6 with a port":           {"[fd00::1]:99", "6.6.6.6, [2001:db8::9]:4711", "2001:db8::9"},
		"IPv6 without":               {"[fd00::1]:99", "6.6.6.6, 2001:db8::9", "2001:db8::9"},
		"an unknown hop":             {"10.0.0.1:99", "6.6.6.6, unknown", "10.0.0.1"},
		"an unknown hop before last": {"10.0.0.1:99", "6.6.6.6, _hidden, 10.2.3.4", "10.2.3.4"},
		"an empty hop":               {"10.0.0.1:99", "6.6.6.6,", "10.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: c.from, Header: http.Header{"X-Forwarded-For": {c.forwarded}}}
		if got := of(r); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
