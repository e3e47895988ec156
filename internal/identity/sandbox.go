package identity

import (
	"fmt"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
)

// Sandbox takes people at their word: they type their subject and are signed in.
// Its zero value signs nobody in.
type Sandbox struct{ env packet.Environment }

// NewSandbox returns the provider for a sandbox, and an error for any other
// environment.
func NewSandbox(env packet.Environment) (Sandbox, error) {
	if env != packet.Sandbox {
		return Sandbox{}, fmt.Errorf("identity: the provider sandbox exists in a sandbox only and this is %q: take it out of providers", env)
	}
	return Sandbox{env}, nil
}

// SignIn returns the person called name in a space. The name is the subject
// itself, so that the seed can sign in by its openid; it is not shown to others.
// It refuses what cannot be a subject with Invalid, field "name".
func (s Sandbox) SignIn(space, name string) (Person, error) {
	if s.env != packet.Sandbox {
		return Person{}, &fault.Error{Op: "sign in", Code: fault.Internal, Detail: "no sandbox provider"}
	}
	if !ValidSubject(name) {
		return Person{}, &fault.Error{
			Op: "sign in", Code: fault.Invalid, Field: "name",
			Detail: "1 to 128 letters, digits, hyphens and underscores",
		}
	}
	return Person{Provider: SandboxProvider, Space: space, Subject: name}, nil
}
