package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"hongbao.example/hongbao/internal/fault"
)

func TestEveryCodeHasItsOwnName(t *testing.T) {
	t.Parallel()
	seen := map[string]fault.Code{fault.OK.String(): fault.OK}
	for _, c := range fault.Codes() {
		name := c.String()
		if other, dup := seen[name]; dup || name == "" {
			t.Errorf("codes %d and %d are both called %q", other, c, name)
		}
		seen[name] = c
	}
	if len(seen) != int(fault.Internal)+1 {
		t.Errorf("%d names, want %d", len(seen), fault.Internal+1)
	}
	if got := fault.Code(-1).String() + fault.Code(999).String(); got != "fault(-1)fault(999)" {
		t.Errorf("codes outside the list are called %q", got)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	wrapped := &fault.Error{Op: "send", Code: fault.Invalid, Field: "total_num", Detail: "at least 3", Err: io.EOF}
	for name, c := range map[string]struct {
		err  error
		want fault.Code
	}{
		"nothing":       {nil, fault.OK},
		"a bare code":   {fault.Held, fault.Held},
		"a wrapped one": {fmt.Errorf("claim: %w", fault.Held), fault.Held},
		"an Error":      {fmt.Errorf("edge: %w", wrapped), fault.Invalid},
		"no code":       {io.EOF, fault.Internal},
	} {
		if got := fault.CodeOf(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if !errors.Is(wrapped, io.EOF) || !errors.Is(wrapped, fault.Invalid) {
		t.Error("an Error hides its code or its cause")
	}
	if !errors.Is(&fault.Error{Code: fault.Busy}, fault.Busy) {
		t.Error("an Error without a cause hides its code")
	}
	if fault.FieldOf(wrapped) != "total_num" || fault.FieldOf(io.EOF) != "" {
		t.Error("the field at fault is lost or made up")
	}
	if fault.DetailOf(wrapped) != "at least 3" || fault.DetailOf(io.EOF) != "" {
		t.Error("the detail is lost or made up")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"send: invalid (total_num): at least 3: EOF": &fault.Error{Op: "send", Code: fault.Invalid, Field: "total_num", Detail: "at least 3", Err: io.EOF},
		"busy":              &fault.Error{Code: fault.Busy},
		"claim: seed_first": &fault.Error{Op: "claim", Code: fault.SeedFirst},
		"held":              fault.Held,
	} {
		if err.Error() != want {
			t.Errorf("text %q, want %q", err, want)
		}
	}
}
