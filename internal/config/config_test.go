package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/config"
)

func TestExampleSaysTheDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Parse(config.Example)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Proxies = []string{}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("example.toml and Default differ:\n%s", diff)
	}
}

func TestAnEmptyFileIsTheDefault(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), c); diff != "" {
		t.Error(diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	production := "environment = 'production'\nbase_url = 'https://hb.example'\n[packets]\nproviders = ['ticket']\nchannel = 'none'\n"
	for name, c := range map[string]struct{ text, want string }{
		"misspelt key":            {"listen = '127.0.0.1:1'\nlisten_ops = 'x'\n", "2: unknown key listen_ops"},
		"misspelt key in a table": {"[limits]\n# batch_size = 1\nbatch_size = 2\n", "3: unknown key limits.batch_size"},
		"unknown table":           {"\n[limit]\nbatch_max = 2\n", "2: unknown key limit"},
		"not TOML":                {"listen = \n", "1: "},
		"wrong type":              {"[limits]\nqueue_max = 'many'\n", "queue_max"},
		"environment":             {"environment = 'staging'", "1: environment: "},
		"base URL with a path":    {"base_url = 'http://127.0.0.1:8080/pay'", "1: base_url: "},
		"base URL with a slash":   {"base_url = 'http://127.0.0.1:8080/'", "1: base_url: "},
		"base URL of no host":     {"base_url = 'hb.example'", "1: base_url: "},
		"plain HTTP in the open":  {production[:strings.Index(production, "[")] + "listen = '0.0.0.0:80'\n[packets]\nproviders = []\nchannel = 'none'", "3: listen: "},
		"http in production":      {"environment = 'production'", "0: base_url: must be https"},
		"operator in the open":    {"ops_listen = ':9090'", "1: ops_listen: "},
		"certificate, no key":     {"[tls]\ncert = 'a.pem'", "2: tls.cert: "},
		"authority without TLS":   {"[tls]\nclient_ca = 'ca.pem'", "2: tls.client_ca: "},
		"no database":             {"[database]\npath = ''", "2: database.path: "},
		"log level":               {"log_level = 'loud'", "1: log_level: "},
		"unknown provider":        {"[packets]\nproviders = ['oauth']", "2: packets.providers: "},
		"unknown channel":         {"[packets]\nchannel = 'cash'", "2: packets.channel: "},
		"sandbox provider":        {strings.Replace(production, "'ticket'", "'sandbox'", 1), "4: packets.providers: "},
		"sandbox channel":         {strings.Replace(production, "'none'", "'sandbox'", 1), "5: packets.channel: "},
		"proxy":                   {"trusted_proxies = ['10.0.0.1']", "1: trusted_proxies: "},
		"no queue":                {"[limits]\nqueue_max = 0", "2: limits.queue_max: "},
		"batch too large":         {"[limits]\nbatch_max = 100000", "2: limits.batch_max: "},
		"negative duration":       {"[limits]\nstop_wait = '-1s'", "2: "},
		"long life":               {"[packets]\nlife = '73h'", "2: packets.life: "},
		"short life":              {"[packets]\nlife = '900ms'", "2: packets.life: "},
		"sandbox life":            {production + "life = '59m'", "6: packets.life: "},
		"no wait":                 {"[limits]\nrequest_wait = '0s'", "2: limits.request_wait: "},
		"wait beyond the answer":  {"[limits]\nrequest_wait = '31s'", "2: limits.request_wait: "},
		"no time to stop":         {"[limits]\nstop_wait = '0s'", "2: limits.stop_wait: "},
		"little time to stop":     {"[limits]\nstop_wait = '999ms'", "2: limits.stop_wait: "},
		"long stop":               {"[limits]\nbatch_max = 7\nstop_wait = '61s'", "3: limits.stop_wait: "},
		"late refund":             {"[packets]\nrefund_delay = '61m'", "2: packets.refund_delay: "},
		"unknown law":             {"[packets]\nlaw = 'nonsense'", "2: packets.law: "},
		"no law":                  {"[packets]\nlaw = ''", "2: packets.law: "},
		"nobody vouches":          {"[packets]\nproviders = []", "2: packets.providers: "},
		"a provider twice":        {"[packets]\nproviders = ['ticket', 'ticket']", "2: packets.providers: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := config.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	bounds := "refund_delay = '1h'\nlaw = 'equal'\n[limits]\nrequest_wait = '30s'\nstop_wait = '1s'\n"
	for _, good := range []string{production, production + bounds, production + strings.Replace(bounds, "'1s'", "'1m'", 1)} {
		if _, err := config.Parse(good); err != nil {
			t.Errorf("a production configuration is refused: %v\n%s", err, good)
		}
	}
}

func TestPathsStartAtTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "hongbao.toml")
	write(t, name, "instance_key = 'file:k'\n[tls]\ncert = '/etc/c.pem'\nkey = 'key.pem'\nclient_ca = 'ca.pem'\n", 0o644)
	c, err := config.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Database.Path, string(c.InstanceKey), c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA}
	want := []string{filepath.Join(dir, "hongbao.db"), "file:" + filepath.Join(dir, "k"), "/etc/c.pem", filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "hongbao.toml")
	if _, err := config.Read(name); err == nil || !strings.Contains(err.Error(), "hongbao init") {
		t.Errorf("a missing file: %v", err)
	}
	write(t, name, "\n\nfoo = 1\n", 0o644)
	if _, err := config.Read(name); err == nil || !strings.Contains(err.Error(), name+":3: unknown key foo") {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	t.Setenv("HONGBAO_TEST_SECRET", " quiet\n")
	dir := t.TempDir()
	private, shared, large := filepath.Join(dir, "private"), filepath.Join(dir, "shared"), filepath.Join(dir, "large")
	write(t, private, "whisper\n", 0o600)
	write(t, shared, "shout\n", 0o644)
	write(t, large, strings.Repeat("x", 1<<17), 0o600)
	for ref, want := range map[string]string{"env:HONGBAO_TEST_SECRET": "quiet", "file:" + private: "whisper"} {
		if got, err := config.Secret(ref).Value(); err != nil || got != want {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	for ref, want := range map[string]string{
		"file:" + shared:           "chmod 600",
		"file:" + large:            "too many",
		"file:" + dir + "/absent":  "no such file",
		"env:HONGBAO_TEST_UNKNOWN": "not set",
		"my-secret-in-the-file":    "file:PATH",
	} {
		if _, err := config.Secret(ref).Value(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}
