package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/config"
	"hongbao.example/hongbao/internal/wire"
	why "hongbao.example/hongbao/internal/wire/explain"
)

// signCmd is `hongbao sign`.
type signCmd struct {
	Check signCheckCmd `cmd:"" help:"Say whether a request is signed right, and if it is not, why."`
}

// signCheckCmd is `hongbao sign check`.
type signCheckCmd struct {
	File string   `arg:"" optional:"" help:"The request (default: standard input)."`
	Key  []string `required:"" sep:"none" placeholder:"[LABEL=]file:FILE|env:NAME" help:"A key that it may be signed with; may be repeated."`
	Call string   `enum:",sendgroupredpack,sendredpack,gethbinfo" default:"" placeholder:"CALL" help:"sendgroupredpack, sendredpack or gethbinfo (default: what the request looks like)."`
	Lang string   `enum:"en,zh" default:"en" placeholder:"en|zh" help:"Language of the explanation (default: ${default})."`
}

// Help explains the verb.
func (signCheckCmd) Help() string {
	return "The request may be XML, a form, or a line of a log that holds either. " +
		"Keys without a label are in force. previous=REF is one that was replaced, elsewhere=REF that of the other environment, " +
		"v3=REF the APIv3 key; any other label names another secret. docs/signature.md has a row for each cause. " +
		"Nothing leaves this machine, and of a key no more than its last 4 characters are shown. " +
		"Exit status 0: right. 1: wrong. 2: the request or a key could not be read."
}

// pastedMax bounds what is read, in bytes: a request's body with a log around it.
const pastedMax = 64 << 10

// Run checks.
func (c *signCheckCmd) Run(p *program) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	pasted, err := c.read()
	if err != nil {
		return &exitError{2, fmt.Errorf("sign check: %w", err)}
	}
	if c.Call != "" {
		pasted.Call = wire.Call(c.Call)
	}
	var rep why.Report
	for i, doc := range pasted.Readings {
		r := why.Explain(why.Request{Call: pasted.Call, Document: doc, Keys: keys})
		if i == 0 || r.Verdict < rep.Verdict { // the reading that explains most
			rep = r
		}
	}
	c.print(p, rep)
	if rep.Verdict != why.Right {
		return &exitError{1, errors.New("sign check: the signature is wrong")}
	}
	return nil
}

// uses are the labels that say what a key is.
var uses = map[string]why.Use{
	"": why.Valid, "previous": why.Retired, "elsewhere": why.Elsewhere, "v3": why.V3,
}

// keys fetches the keys, those in force first.
func (c *signCheckCmd) keys() (valid []why.Key, err error) {
	var others []why.Key
	for _, ref := range c.Key {
		label, rest, ok := strings.Cut(ref, "=")
		if !ok || strings.Contains(label, ":") {
			label, rest = "", ref
		}
		text, err := config.Secret(rest).Value()
		if err != nil {
			return nil, usage("--key: %w", err)
		}
		use, ok := uses[label]
		if !ok {
			use = why.Other
		}
		k, err := why.NewKey(use, label, text)
		switch {
		case errors.Is(err, wire.ErrKey):
			return nil, usage("--key %s: an API key is 32 visible ASCII characters", rest)
		case err != nil:
			return nil, usage("--key %s: a secret is 8 to 128 bytes", rest)
		case use == why.Valid:
			valid = append(valid, k)
		default:
			others = append(others, k)
		}
	}
	if len(valid) == 0 {
		return nil, usage("which key is in force? give one --key without a label")
	}
	return append(valid, others...), nil
}

// read reads what was pasted.
func (c *signCheckCmd) read() (pasted why.Pasted, err error) {
	in, name := os.Stdin, "standard input"
	if c.File != "" {
		if in, err = os.Open(c.File); err != nil {
			return pasted, err
		}
		defer func() { _ = in.Close() }()
		name = c.File
	}
	text, err := io.ReadAll(io.LimitReader(in, pastedMax+1))
	switch {
	case err != nil:
		return pasted, err
	case len(text) > pastedMax:
		return pasted, fmt.Errorf("%s: more than 64 KiB", name)
	}
	pasted, err = why.Read(string(text))
	if syntax, ok := errors.AsType[*wire.SyntaxError](err); ok {
		return pasted, c.say(fmt.Errorf("%s: line %d is not valid XML: %s", name, syntax.Line, syntax.Reason), "%s：第 %d 行不是合法的 XML：%s", name, syntax.Line, syntax.Reason)
	}
	if err != nil {
		return pasted, c.say(fmt.Errorf("%s: no request found: neither <xml>…</xml> nor name=value&…&sign=…", name), "%s：没有找到请求：既没有 <xml>…</xml>，也没有 name=value&…&sign=…", name)
	}
	return pasted, nil
}

// say is the error in the language that was asked for.
func (c *signCheckCmd) say(english error, chinese string, args ...any) error {
	if c.Lang == "zh" {
		return fmt.Errorf(chinese, args...)
	}
	return english
}

// verdicts begin the report.
var verdicts = map[string]map[why.Verdict]string{
	"en": {why.Right: "right", why.Found: "wrong", why.Unknown: "wrong"},
	"zh": {why.Right: "正确", why.Found: "错误", why.Unknown: "错误"},
}

// print prints the report.
func (c *signCheckCmd) print(p *program, rep why.Report) {
	in, stop := why.Language(c.Lang), map[string]string{"en": ".", "zh": "。"}[c.Lang]
	line := func(en, zh, text string) {
		if c.Lang == "zh" {
			p.printf("%s  %s\n", zh, text)
		} else {
			p.printf("%-10s %s\n", en, text)
		}
	}
	verdict := verdicts[c.Lang][rep.Verdict]
	line(verdict, verdict, rep.Say(in)+stop)
	if rep.Verdict == why.Right {
		return
	}
	for _, f := range rep.Findings {
		line("cause", "原因", string(f.Cause))
		line("fix", "改法", f.Fix(in)+stop)
	}
	if rep.Signed != "" {
		line("key", "密钥", fmt.Sprintf("%s, %s", strings.TrimSpace(rep.Key.String()), rep.Algorithm))
	}
	switch {
	case rep.Differ >= 0:
		line("signed", "所签", around(rep.Signed, rep.Differ))
		line("should be", "应签", around(rep.Expected, rep.Differ))
	case rep.Signed != "":
		line("signed", "所签", visible(rep.Signed))
	case rep.Expected != "":
		line("should be", "应签", visible(rep.Expected))
	}
}

// What is shown of a string around a difference, in characters.
const (
	shownBefore = 32
	shownAfter  = 64
)

// around cuts a string to what stands around a place in it.
func around(s string, at int) string {
	before, after := []rune(s[:at]), []rune(s[at:])
	start, end := "", ""
	if n := len(before) - shownBefore; n > 0 {
		before, start = before[n:], "…"
	}
	if len(after) > shownAfter {
		after, end = after[:shownAfter], "…"
	}
	return start + visible(string(before)+string(after)) + end
}

// visible writes white space and what else cannot be seen as escapes.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError, r < ' ', r >= 0x7F && r < 0xA0, r == '\uFEFF', r == '\u200B':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
