package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress tells where a request comes from. X-Forwarded-For counts only as
// far as the proxies are trusted: from the right, up to the first that is not. A hop
// that is no address ends it too: what stands to its left may be the caller's own
// words, by which they would choose whom they are counted as.
func clientAddress(proxies []string) func(*http.Request) string {
	var trusted []*net.IPNet
	for _, p := range proxies {
		if _, n, err := net.ParseCIDR(p); err == nil { // the configuration was checked
			trusted = append(trusted, n)
		}
	}
	isProxy := func(host string) bool {
		ip := net.ParseIP(host)
		for _, n := range trusted {
			if ip != nil && n.Contains(ip) {
				return true
			}
		}
		return false
	}
	return func(r *http.Request) string {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0 && isProxy(host); i-- {
			hop, ok := address(strings.TrimSpace(hops[i]))
			if !ok {
				break
			}
			host = hop
		}
		return host
	}
}

// address reads an IP address, beside which some proxies write a port.
func address(hop string) (string, bool) {
	if a, err := netip.ParseAddrPort(hop); err == nil {
		return a.Addr().String(), true
	}
	a, err := netip.ParseAddr(hop)
	return a.String(), err == nil
}
