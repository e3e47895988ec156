package split_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/split"
)

const (
	vectorFile = "testdata/vectors.json"
	docFile    = "../../docs/fair-split.md"
	checkFile  = "../../docs/check-split.mjs"
)

// proof is what a packet's proof says after its end, and what a vector is.
type proof struct {
	Name        string      `json:"name,omitempty"`
	SendListID  string      `json:"send_listid"`
	TotalNum    int         `json:"total_num"`
	Law         split.Law   `json:"law"`
	Min         money.Fen   `json:"min"`
	Cap         money.Fen   `json:"cap"`
	Commitment  string      `json:"commitment"`
	Head        string      `json:"head,omitempty"`
	Secret      string      `json:"secret,omitempty"`
	TotalAmount money.Fen   `json:"total_amount,omitempty"`
	Shares      []money.Fen `json:"shares,omitempty"`
}

func (p proof) terms() split.Terms {
	return split.Terms{SendListID: p.SendListID, Total: p.TotalAmount, Num: p.TotalNum, Law: p.Law, Min: p.Min, Cap: p.Cap}
}

// vectors reads the pinned vectors, afresh on each call.
func vectors(t *testing.T) []proof {
	t.Helper()
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []proof
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 8 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

func bytes32(t *testing.T, text string) [32]byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 32 {
		t.Fatalf("%q is not 32 bytes in hexadecimal", text)
	}
	return [32]byte(b)
}

func TestVectorsHold(t *testing.T) {
	t.Parallel()
	laws := map[split.Law]bool{}
	for _, v := range vectors(t) {
		laws[v.Law] = true
		if err := split.Check(bytes32(t, v.Secret), v.terms(), bytes32(t, v.Commitment), v.Shares); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if len(laws) != len(split.Laws()) {
		t.Errorf("vectors for %v only", laws)
	}
}

// runChecker runs the JavaScript checker and returns its exit status and output.
//
// It reads the script itself first: the go command repeats a cached result until a
// file changes that the test process, not a child of it, has opened.
func runChecker(t *testing.T, stdin []byte, args ...string) (status int, said string) {
	t.Helper()
	if _, err := os.ReadFile(checkFile); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{checkFile}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("node 18 or later is needed to check the split independently: %v", err)
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out))
}

func TestCheckerAcceptsTheVectors(t *testing.T) {
	t.Parallel()
	if status, said := runChecker(t, nil, vectorFile); status != 0 || said != "15 checked: every share is as committed" {
		t.Errorf("exit status %d: %s", status, said)
	}
}

func TestCheckerTakesOneProof(t *testing.T) {
	t.Parallel()
	p := vectors(t)[2]
	p.Name, p.Head = "", strings.Repeat("0", 64)
	whole := encode(t, p)
	file := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	forged := p
	forged.Commitment = strings.Repeat("0", 64)
	running := p
	running.Secret, running.TotalAmount, running.Shares = "", 0, nil

	for name, c := range map[string]struct {
		stdin  []byte
		args   []string
		status int
		says   string
	}{
		"from a file":                {nil, []string{file}, 0, "1 checked"},
		"from stdin":                 {whole, []string{"-"}, 0, "1 checked"},
		"with the commitment noted":  {whole, []string{"-", strings.ToUpper(p.Commitment)}, 0, "1 checked"},
		"with another one noted":     {whole, []string{"-", strings.Repeat("0", 64)}, 1, p.SendListID + ": commitment: "},
		"with its own one changed":   {encode(t, forged), []string{"-", p.Commitment}, 1, p.SendListID + ": commitment: "},
		"before the end":             {encode(t, running), []string{"-"}, 2, "no secret"},
		"of nothing":                 {[]byte("[]"), []string{"-"}, 2, "no secret"},
		"that is not JSON":           {[]byte("<html>"), []string{"-"}, 2, "no proof read"},
		"from a file that is absent": {nil, []string{file + ".absent"}, 2, "no proof read"},
		"without a file":             {nil, nil, 2, "no proof read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if status, said := runChecker(t, c.stdin, c.args...); status != c.status || !strings.HasPrefix(said, c.says) {
				t.Errorf("exit status %d, want %d: %s", status, c.status, said)
			}
		})
	}
}

func TestCheckerFindsEveryChange(t *testing.T) {
	t.Parallel()
	flip := func(hexadecimal string) string { // its last bit
		b := bytes32(t, hexadecimal)
		b[31] ^= 1
		return hex.EncodeToString(b[:])
	}
	for name, change := range map[string]func(*proof){
		"list id":                 func(p *proof) { p.SendListID = "1" + p.SendListID[1:] },
		"list id too short":       func(p *proof) { p.SendListID = p.SendListID[1:] },
		"number of shares":        func(p *proof) { p.TotalNum++ },
		"no shares":               func(p *proof) { p.TotalNum = 0 },
		"law":                     func(p *proof) { p.Law = split.Simplex },
		"law that does not exist": func(p *proof) { p.Law = "lottery" },
		"inherited name as a law": func(p *proof) { p.Law = "toString" },
		"min":                     func(p *proof) { p.Min++ },
		"cap":                     func(p *proof) { p.Cap-- },
		"commitment":              func(p *proof) { p.Commitment = flip(p.Commitment) },
		"secret":                  func(p *proof) { p.Secret = flip(p.Secret) },
		"secret too short":        func(p *proof) { p.Secret = p.Secret[2:] },
		"total":                   func(p *proof) { p.TotalAmount++ },
		"a share":                 func(p *proof) { p.Shares[4]++ },
		"two shares exchanged":    func(p *proof) { p.Shares[0], p.Shares[1] = p.Shares[1], p.Shares[0] },
		"a share missing":         func(p *proof) { p.Shares = p.Shares[:4] },
		"a share too many":        func(p *proof) { p.Shares = append(p.Shares, 1) },
		"no list of shares":       func(p *proof) { p.Shares = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := vectors(t)
			change(&all[2])
			if status, said := runChecker(t, encode(t, all), "-"); status != 1 || !strings.HasPrefix(said, all[2].Name+": ") {
				t.Errorf("exit status %d, want 1 and %q blamed: %s", status, all[2].Name, said)
			}
		})
	}
}

// TestDocumentShowsTheWorkedExample redoes the example of docs/fair-split.md from
// the layout it gives, and looks for every byte of it in the text.
func TestDocumentShowsTheWorkedExample(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	v := vectors(t)[0]
	secret := bytes32(t, v.Secret)

	input := []string{
		hex.EncodeToString([]byte("hongbao/split/commitment/1")), v.Secret,
		"000000000000001f" + hex.EncodeToString([]byte(v.SendListID)), "00000000000003e8", "0000000000000003",
		"000000000000000b" + hex.EncodeToString([]byte(v.Law)), "0000000000000001", "0000000000004e20",
	}
	joined, err := hex.DecodeString(strings.Join(input, ""))
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(joined); hex.EncodeToString(sum[:]) != v.Commitment {
		t.Errorf("the layout of the document gives %x, not the commitment", sum)
	}
	message := append([]byte("hongbao/split/chance/1"), make([]byte, 8)...)
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(message)
	block := hex.EncodeToString(mac.Sum(nil))

	words := slices.Collect(slices.Chunk([]byte(block), 16))
	shown := append(input, v.Commitment, hex.EncodeToString(message), string(bytes.Join(words, []byte(" "))),
		v.SendListID, "`shares` = [233, 569, 198]")
	for _, want := range shown {
		if !strings.Contains(doc, want) {
			t.Errorf("the document does not show %s", want)
		}
	}
	if text(v.Shares) != "[233 569 198]" {
		t.Errorf("the document's example is not the first vector: %v", v.Shares)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
