package identity_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/packet"
)

func TestValidSubject(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"o", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "u-1001", "_", "-", "0", strings.Repeat("z", 128)} {
		if !identity.ValidSubject(good) {
			t.Errorf("%q is no subject", good)
		}
	}
	for _, bad := range []string{"", " ", "a b", "a\n", "\x00", "é", "种", "a.b", "a/b", "a@b", "a+b", "a:b", "a`b", "a{b", "a[b", strings.Repeat("z", 129)} {
		if identity.ValidSubject(bad) {
			t.Errorf("%q is a subject", bad)
		}
	}
}

func TestValidName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "李雷", "Han Meimei", "👩‍👧", "<b>", `"`, strings.Repeat("种", 16)} {
		if !identity.ValidName(good) {
			t.Errorf("%q is no name", good)
		}
	}
	for what, bad := range map[string]string{
		"17 code points":     strings.Repeat("种", 17),
		"blank":              "  ",
		"blank, but wide":    "\u3000",
		"a line end":         "a\nb",
		"a tab":              "a\tb",
		"a null":             "a\x00b",
		"delete":             "a\x7fb",
		"a C1 control":       "a\u0085b",
		"a line separator":   "a\u2028b",
		"writing turned":     "a\u202eb",
		"an isolate":         "a\u2066b",
		"no UTF-8":           "a\xffb",
		"a lonely surrogate": "\xed\xa0\x80",
	} {
		if identity.ValidName(bad) {
			t.Errorf("%s: %q is a name", what, bad)
		}
	}
}

// TestPeopleStayOutOfLogs tries the ways in which an openid could reach one.
func TestPeopleStayOutOfLogs(t *testing.T) {
	t.Parallel()
	p := identity.Person{Provider: "ticket", Space: "wx1", Subject: "oSecret", Name: "Secret", Pay: `{"kind":"Secret"}`}
	session := identity.NewSessions([32]byte{}, true).Start(p, 0, noon)
	key := identity.Key{Alg: identity.HS256, Secret: []byte("Secret")}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("claim", "who", p)
	}
	fmt.Fprintf(&log, "%v %+v %s %q %v %v %+v %d", p, p, p, p, &session, key, key, key)
	if strings.Contains(log.String(), "Secret") || strings.Contains(log.String(), "83 101 99") {
		t.Errorf("logged: %s", log.String())
	}
	if !strings.Contains(log.String(), "ticket:[secret]") {
		t.Errorf("who vouched for them is not logged: %s", log.String())
	}
}

func TestProviders(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]identity.Providers{
		"sandbox":          "sandbox",
		"ticket":           "ticket",
		"sandbox,ticket":   "sandbox,ticket",
		"ticket, sandbox ": "sandbox,ticket",
	} {
		got, err := identity.ParseProviders(list)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", list, got, err, want)
		}
		for _, name := range []string{"sandbox", "ticket"} {
			if got.Contains(name) != strings.Contains(list, name) {
				t.Errorf("%q contains %s: %v", got, name, got.Contains(name))
			}
		}
		for _, name := range []string{"", "sand", "sandbox,ticket", "wechat", "Ticket"} {
			if got.Contains(name) {
				t.Errorf("%q contains %q", got, name)
			}
		}
	}
	for _, list := range []string{"", ",", "ticket,", "ticket,ticket", "Ticket", "oauth", "ticket sandbox", "sandbox,,ticket"} {
		_, err := identity.ParseProviders(list)
		if fault.CodeOf(err) != fault.Invalid || fault.FieldOf(err) != "providers" {
			t.Errorf("%q: %v, want invalid (providers)", list, err)
		}
	}
	if identity.Providers("").Contains("") {
		t.Error("nobody vouches, and it is accepted")
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	sandbox, err := identity.NewSandbox(packet.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Person{Provider: "sandbox", Space: "wx1", Subject: "oSeed-1"}
	if got, err := sandbox.SignIn("wx1", "oSeed-1"); err != nil || got != want {
		t.Errorf("signed in as %#v, %v", got, err)
	}
	for _, bad := range []string{"", "two words", "种子", strings.Repeat("a", 129)} {
		got, err := sandbox.SignIn("wx1", bad)
		if fault.CodeOf(err) != fault.Invalid || fault.FieldOf(err) != "name" || got != (identity.Person{}) {
			t.Errorf("%q: %v, want invalid (name)", bad, err)
		}
	}
}

func TestNoSandboxOutsideASandbox(t *testing.T) {
	t.Parallel()
	for _, env := range []packet.Environment{packet.Production, "", "Sandbox", "test"} {
		sandbox, err := identity.NewSandbox(env)
		if err == nil {
			t.Errorf("in %q there is a sandbox provider", env)
		}
		if _, err := sandbox.SignIn("wx1", "oSeed-1"); fault.CodeOf(err) != fault.Internal {
			t.Errorf("in %q somebody signed in by name: %v", env, err)
		}
	}
}
