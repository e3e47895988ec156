package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience bounds all that one library does.
const patience = 2 * time.Minute

// A library is a client of the protocol that others have written, and the program
// by which it is called here.
type library struct {
	name    string
	prefix  string   // of its bill numbers
	shapes  []string // the ways in which it can be called; the first is the usual one
	hmac    string   // the shape for HMAC-SHA256
	command func(*testing.T) []string
	// reads is what its caller reads where that is not what the case says.
	reads map[string]string
}

// libraries are those that speak for themselves here; manners has those that are
// imitated.
var libraries = []library{
	{
		name: "wechatpay-axios-plugin 0.9.6", prefix: "A",
		shapes: []string{
			"property", "function", "chain", "index", "index, function", "promise", "axios instance", "URL of one call",
		},
		hmac: "property", command: node("wechatpay-axios-plugin.mjs"),
		reads: map[string]string{
			"`]]>` in a text": "XML_ERROR", // it does not split the section
		},
	},
	{
		name: "tenpay 2.1.18", prefix: "T", shapes: []string{"new", "init", "sandbox"},
		hmac: "new", command: node("tenpay.mjs"),
	},
	{
		name: "node-easywechat 3.6.2", prefix: "E", shapes: []string{"postXml", "post, xml", "request, data"},
		hmac: "postXml", command: node("node-easywechat.mjs"),
		reads: map[string]string{
			"empty optional elements": "SIGN_ERROR", // it signs empty values
			"no nonce_str":            "SIGN_ERROR", // it signs one that it does not send
		},
	},
	{
		name: "gopay 1.5.123", prefix: "G", shapes: []string{"method", "any path"},
		hmac: "any path", command: gopay,
		reads: map[string]string{
			"no nonce_str": "[missing required parameter], nonce_str", // it does not send
		},
	},
}

// node runs a program of the folder node.
func node(program string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		t.Helper()
		read(t, "node/caller.mjs", "node/package-lock.json", "node/"+program)
		installed, err := os.ReadFile("node/node_modules/.installed.json")
		lock, _ := os.ReadFile("node/package-lock.json")
		if err != nil || !bytes.Equal(installed, lock) {
			t.Fatal("the libraries are not installed; run: interop/install")
		}
		return []string{"node", "node/" + program}
	}
}

// gopay builds the program of the folder gopay.
func gopay(t *testing.T) []string {
	t.Helper()
	read(t, "gopay/main.go", "gopay/go.mod", "gopay/go.sum")
	bin := filepath.Join(t.TempDir(), "gopay")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "gopay", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v; run: interop/install\n%s", err, out)
	}
	return []string{bin}
}

// read opens files that only other processes use, so that the test cache knows of
// them.
func read(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := os.ReadFile(name)
		must(t, err)
	}
}

// A job is one call that a library is to make.
type job struct {
	Shape   string         `json:"shape"`
	Call    string         `json:"call"`
	BaseURL string         `json:"base_url"`
	MchID   string         `json:"mch_id"`
	AppID   string         `json:"appid"`
	Key     string         `json:"key"`
	Secure  bool           `json:"secure"`
	Cert    string         `json:"cert"`
	CertKey string         `json:"cert_key"`
	P12     string         `json:"p12"`
	Fields  map[string]any `json:"fields"`
}

// seen is what the caller of a library got to see.
type seen struct {
	Error  string         `json:"error"`
	Answer map[string]any `json:"answer"`
}

// text returns an element of the answer.
func (s seen) text(name string) string {
	v, _ := s.Answer[name].(string)
	return v
}

// reads is what the caller learns: done, a code, or else the error's text.
func (s seen) reads() string {
	switch code := s.text("err_code"); {
	case s.Error == "" && s.text("return_code") == "SUCCESS" && s.text("result_code") == "SUCCESS" && code == "SUCCESS":
		return done
	case code != "" && code != "SUCCESS":
		return code
	default:
		return s.Error
	}
}

// claims are the entries of hblist. Libraries give a list of one as the one.
func (s seen) claims() (all []map[string]any) {
	list, _ := s.Answer["hblist"].(map[string]any)
	switch info := list["hbinfo"].(type) {
	case map[string]any:
		return []map[string]any{info}
	case []any:
		for _, i := range info {
			claim, _ := i.(map[string]any)
			all = append(all, claim)
		}
	}
	return all
}

// process is a running library.
type process struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
	err *bytes.Buffer
}

// run runs a library until the test ends. The certificate in the file roots is
// one that it trusts.
func (l library) run(t *testing.T, roots string) *process {
	t.Helper()
	command := l.command(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+roots, "SSL_CERT_FILE="+roots)
	p := &process{t: t, err: &bytes.Buffer{}}
	cmd.Stderr = p.err
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	p.in, p.out = json.NewEncoder(in), json.NewDecoder(out)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", l.name, err, p.err)
		}
		cancel()
	})
	return p
}

// do has the library make a call.
func (p *process) do(j job) (s seen) {
	p.t.Helper()
	if err := p.in.Encode(j); err != nil {
		p.t.Fatal(err)
	}
	if err := p.out.Decode(&s); err != nil {
		p.t.Fatalf("no answer to %+v: %v", j, err)
	}
	return s
}
