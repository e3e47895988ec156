package identity

import (
	"strings"

	"hongbao.example/hongbao/internal/fault"
)

// Providers names who may vouch for the claimants of a packet, in the form in
// which a packet keeps it: "sandbox,ticket".
type Providers string

// ParseProviders reads names separated by commas and puts them in one order.
// It refuses with Invalid, field "providers", an unknown name, a name said twice,
// and none at all.
func ParseProviders(list string) (Providers, error) {
	said := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name != SandboxProvider && name != TicketProvider {
			return "", invalidProviders("who may vouch for claimants is a list of sandbox, ticket")
		}
		if said[name] {
			return "", invalidProviders(name + " is named twice")
		}
		said[name] = true
	}
	var names []string
	for _, name := range []string{SandboxProvider, TicketProvider} {
		if said[name] {
			names = append(names, name)
		}
	}
	return Providers(strings.Join(names, ",")), nil
}

func invalidProviders(detail string) error {
	return &fault.Error{Op: "read providers", Code: fault.Invalid, Field: "providers", Detail: detail}
}

// Contains tells whether a provider is one of them.
func (p Providers) Contains(provider string) bool {
	for name := range strings.SplitSeq(string(p), ",") {
		if name == provider {
			return provider != ""
		}
	}
	return false
}
