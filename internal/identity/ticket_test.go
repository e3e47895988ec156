package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/identity"
)

// private is the merchant's key of all tests; its seed is ASCII.
func private() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
}

func hmacSecret() []byte { return bytes.Repeat([]byte("s"), 32) }

// expect is what the tickets of valid are held against.
func expect() identity.Expect {
	public := ed25519.PublicKey(private()[32:])
	keys := map[string]identity.Key{
		"ed":      {Alg: identity.EdDSA, Public: public},
		"hs":      {Alg: identity.HS256, Secret: hmacSecret()},
		"ends":    {Alg: identity.EdDSA, Public: public, NotAfter: noon.Add(time.Minute)},
		"ended":   {Alg: identity.EdDSA, Public: public, NotAfter: noon},
		"short":   {Alg: identity.HS256, Secret: hmacSecret()[:31]},
		"rsa":     {Alg: "RS256"},
		"no key":  {Alg: identity.EdDSA},
		"another": {Alg: identity.EdDSA, Public: make(ed25519.PublicKey, 32)},
	}
	return identity.Expect{
		Key:      func(kid string) (identity.Key, bool) { k, ok := keys[kid]; return k, ok },
		MchID:    "10000100",
		Audience: "https://hb.example",
		ListID:   "1000202611240000003699376128000",
		Space:    "wx0123456789abcdef",
		Now:      noon,
	}
}

func valid() (header map[string]any, claims jwt.MapClaims) {
	return map[string]any{"alg": "EdDSA", "typ": "hb-claim+jwt", "kid": "ed"}, jwt.MapClaims{
		"iss": "10000100", "aud": "https://hb.example", "sub": "oFriend-1", "pkt": "1000202611240000003699376128000",
		"iat": noon.Unix() - 10, "exp": noon.Unix() + 110, "jti": "0123456789abcdef",
	}
}

// with returns a copy of m in which one entry is other; nil takes it out.
func with[M ~map[string]any](m M, name string, value any) M {
	m = maps.Clone(m)
	if m[name] = value; value == nil {
		delete(m, name)
	}
	return m
}

// sign signs whatever it is given, with what the header's alg asks for.
func sign(t testing.TB, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := &jwt.Token{Header: header, Claims: claims, Method: jwt.SigningMethodEdDSA}
	var key any = private()
	if header["alg"] == "HS256" {
		token.Method, key = jwt.SigningMethodHS256, hmacSecret()
	}
	s, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestATicketThatHolds(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	full := maps.Clone(claims)
	for name, v := range map[string]any{
		"name": "李雷", "prv": "wechat", "tnt": "wx0123456789abcdef", "dev": "d41d8cd98f", "rl": 3, "nbf": noon.Unix(),
		"pay": map[string]any{"id": "2088000000000001", "kind": "ALIPAY_USER_ID", "name": "李雷", "more": 1},
	} {
		full[name] = v
	}
	want := identity.Person{Provider: "ticket", Space: "wx0123456789abcdef", Subject: "oFriend-1"}
	named := want
	named.Name, named.Pay = "李雷", `{"kind":"ALIPAY_USER_ID","id":"2088000000000001","name":"李雷"}`
	for name, c := range map[string]struct {
		raw  string
		want identity.Person
	}{
		"EdDSA":                    {sign(t, header, claims), want},
		"HS256":                    {sign(t, with(with(header, "alg", "HS256"), "kid", "hs"), claims), want},
		"a key that is to end":     {sign(t, with(header, "kid", "ends"), claims), want},
		"a list of one audience":   {sign(t, header, with(claims, "aud", []string{"https://hb.example"})), want},
		"times with a fraction":    {sign(t, header, with(claims, "exp", float64(noon.Unix())+110.5)), want},
		"an empty name":            {sign(t, header, with(claims, "name", "")), want},
		"a header nobody asks for": {sign(t, with(header, "cty", "x"), claims), want},
		"everything":               {sign(t, header, full), named},
	} {
		got, err := identity.Verify(c.raw, expect())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(identity.Ticket{Person: c.want, JTI: "0123456789abcdef", Expires: noon.Add(140 * time.Second).UTC()}, got, cmp.Transformer("utc", time.Time.UTC)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestATicketIsRefusedByItsHeader(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	for name, c := range map[string]struct {
		header map[string]any
		field  string
	}{
		"a key it brings":                {with(header, "jwk", map[string]any{"kty": "OKP"}), "jwk"},
		"an address of keys":             {with(header, "jku", "https://evil.example"), "jku"},
		"an address of a certificate":    {with(header, "x5u", ""), "x5u"},
		"an extension":                   {with(header, "crit", []string{"exp"}), "crit"},
		"no kid":                         {with(header, "kid", nil), "kid"},
		"a kid that is no text":          {with(header, "kid", 1), "kid"},
		"a kid nobody knows":             {with(header, "kid", "ED"), "kid"},
		"a key that has ended":           {with(header, "kid", "ended"), "kid"},
		"a secret that is too short":     {with(with(header, "kid", "short"), "alg", "HS256"), "kid"},
		"a key for no algorithm of ours": {with(with(header, "kid", "rsa"), "alg", "RS256"), "kid"},
		"another algorithm than the key": {with(header, "alg", "HS256"), "alg"},
		"and the other way round":        {with(header, "kid", "hs"), "alg"},
		"no algorithm":                   {with(header, "alg", "none"), "alg"},
		"an algorithm nobody knows":      {with(header, "alg", "EdDSA2"), "alg"},
		"an algorithm in another case":   {with(header, "alg", "eddsa"), "alg"},
		"an algorithm that is not said":  {with(header, "alg", nil), "alg"},
		"an algorithm that is no text":   {with(header, "alg", 1), "alg"},
		"a key that does not match":      {with(header, "kid", "another"), "signature"},
		"a key that is not there":        {with(header, "kid", "no key"), "signature"},
		"no typ":                         {with(header, "typ", nil), "typ"},
		"the typ of other tokens":        {with(header, "typ", "JWT"), "typ"},
		"a typ in another case":          {with(header, "typ", "HB-Claim+JWT"), "typ"},
		"a typ that is no text":          {with(header, "typ", []int{}), "typ"},
		"the first of two faults":        {with(with(header, "kid", "x"), "jku", "x"), "jku"},
		"signature before typ":           {with(with(header, "kid", "another"), "typ", "x"), "signature"},
	} {
		refusedFor(t, name, sign(t, c.header, claims), expect(), c.field)
	}
}

func TestATicketIsRefusedByItsClaims(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	now := noon.Unix()
	for _, c := range []struct {
		claim  string
		values []any // nil: the claim is missing
	}{
		{"iss", []any{nil, "", "10000101", 10000100, []string{"10000100"}}},
		{"aud", []any{nil, "", "https://hb.example/", "http://hb.example", "https://HB.example", 1, []string{}, []any{1}, []string{"https://hb.example", "https://other.example"}}},
		{"iat", []any{nil, "", "1", now + 31, 0, true, -1e300, 1e300, []int{1}}},
		{"exp", []any{nil, "", "1", 0, now - 10, now - 11, now + 291, now - 40, -1e300, 1e300, true}},
		{"nbf", []any{"", now + 31, true, 1e300}},
		{"pkt", []any{nil, "", "1000202611240000003699376128001", 7}},
		{"sub", []any{nil, "", "two words", "种", strings.Repeat("o", 129), 1, []string{"o"}}},
		{"jti", []any{nil, "", "0123456789abcde", strings.Repeat("j", 129), "0123456789abcdé", "0123456789 abcdef", "种种种种种种种种种种种种种种种种", 1234567890123456}},
		{"name", []any{strings.Repeat("种", 17), "a\nb", " ", "a\u202eb", 1, map[string]any{}}},
		{"prv", []any{"", "wechat_oa", "sandbox", "Wechat", 1}},
		{"tnt", []any{"", "wx0123456789abcdee", 1}},
		{"pay", []any{
			"oFriend-2", 1,
			map[string]any{},
			[]any{},
			map[string]any{"kind": "", "id": "2088"},
			map[string]any{"kind": "a b", "id": "2088"},
			map[string]any{"kind": strings.Repeat("k", 33), "id": "2088"},
			map[string]any{"kind": "k"},
			map[string]any{"kind": "k", "id": ""},
			map[string]any{"kind": "k", "id": 2088},
			map[string]any{"kind": "k", "id": "a\nb"},
			map[string]any{"kind": "k", "id": strings.Repeat("i", 129)},
			map[string]any{"kind": "k", "id": "i", "name": 1},
			map[string]any{"kind": "k", "id": "i", "name": "a\tb"},
			map[string]any{"kind": "k", "id": "i", "name": strings.Repeat("n", 129)},
		}},
	} {
		for _, value := range c.values {
			refusedFor(t, c.claim, sign(t, header, with(claims, c.claim, value)), expect(), c.claim)
		}
	}
}

// refusedFor checks that a ticket is refused, and which header or claim is blamed.
func refusedFor(t *testing.T, name, raw string, e identity.Expect, field string) {
	t.Helper()
	got, err := identity.Verify(raw, e)
	if fault.CodeOf(err) != fault.TicketRefused || fault.FieldOf(err) != field || got != (identity.Ticket{}) {
		t.Errorf("%s: %v, want ticket_refused (%s)\n%s", name, err, field, payloadOf(raw))
	}
}

func payloadOf(raw string) string {
	b, _ := base64.RawURLEncoding.DecodeString(strings.Split(raw+"..", ".")[1])
	return string(b)
}

// TestTheFirstFaultIsTheAnswer takes a ticket in which everything is wrong and
// mends one thing after the other.
func TestTheFirstFaultIsTheAnswer(t *testing.T) {
	t.Parallel()
	goodHeader, goodClaims := valid()
	header := map[string]any{"alg": "HS256", "kid": "x", "jwk": "x", "typ": "x"}
	claims := jwt.MapClaims{"nbf": "x", "name": 1, "prv": 1, "tnt": 1, "pay": 1}
	for _, step := range []struct {
		field string
		mend  func()
	}{
		{"jwk", func() { delete(header, "jwk") }},
		{"kid", func() { header["kid"] = "another" }},
		{"alg", func() { header["alg"] = "EdDSA" }},
		{"signature", func() { header["kid"] = "ed" }},
		{"typ", func() { header["typ"] = goodHeader["typ"] }},
		{"iss", nil},
		{"aud", nil},
		{"iat", nil},
		{"exp", nil},
		{"nbf", func() { delete(claims, "nbf") }},
		{"pkt", nil},
		{"sub", nil},
		{"jti", nil},
		{"name", func() { delete(claims, "name") }},
		{"prv", func() { delete(claims, "prv") }},
		{"tnt", func() { delete(claims, "tnt") }},
		{"pay", func() { delete(claims, "pay") }},
	} {
		refusedFor(t, "in order", sign(t, header, claims), expect(), step.field)
		if claims[step.field] = goodClaims[step.field]; claims[step.field] == nil {
			delete(claims, step.field)
		}
		if step.mend != nil {
			step.mend()
		}
	}
	if _, err := identity.Verify(sign(t, header, claims), expect()); err != nil {
		t.Errorf("all is mended: %v", err)
	}
}

func TestATicketLivesAsLongAsItSays(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	claims["iat"], claims["exp"] = noon.Unix(), noon.Unix()+300
	raw := sign(t, header, claims)
	for after, want := range map[time.Duration]string{
		-31 * time.Second:         "iat",
		-30 * time.Second:         "",
		0:                         "",
		329*time.Second + 999e6:   "",
		330 * time.Second:         "exp",
		24 * 365 * 60 * time.Hour: "exp",
	} {
		e := expect()
		e.Now = noon.Add(after)
		got, err := identity.Verify(raw, e)
		if fault.FieldOf(err) != want {
			t.Errorf("after %v: %v, want field %q", after, err, want)
		}
		if err == nil && !got.Expires.After(e.Now) {
			t.Errorf("after %v it holds, but need not be remembered after %v", after, got.Expires)
		}
	}
}

func TestOneTicketHasOneSpelling(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	raw := sign(t, header, claims)
	parts := strings.Split(raw, ".")
	last := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	next := string(last[(strings.IndexByte(last, raw[len(raw)-1])+1)%64])
	for name, c := range map[string]struct{ raw, field string }{
		"nothing":                  {"", "ticket"},
		"no token":                 {"hello", "ticket"},
		"two parts":                {parts[0] + "." + parts[1], "ticket"},
		"four parts":               {raw + ".", "ticket"},
		"dots":                     {"..", "ticket"},
		"padding":                  {parts[0] + "=." + parts[1] + "." + parts[2], "ticket"},
		"a header that is no JSON": {encode("x") + "." + parts[1] + "." + parts[2], "ticket"},
		"a header that is a list":  {encode("[]") + "." + parts[1] + "." + parts[2], "ticket"},
		"a header that is null":    {encode("null") + "." + parts[1] + "." + parts[2], "alg"},
		"claims that are no JSON":  {parts[0] + "." + encode("{") + "." + parts[2], "ticket"},
		"claims with more behind":  {parts[0] + "." + encode("{}{}") + "." + parts[2], "ticket"},
		"claims that are a list":   {parts[0] + "." + encode("[]") + "." + parts[2], "ticket"},
		"claims that are null":     {parts[0] + "." + encode("null") + "." + parts[2], "signature"},
		"claims of another ticket": {parts[0] + "." + encode("{}") + "." + parts[2], "signature"},
		"no signature":             {parts[0] + "." + parts[1] + ".", "signature"},
		"half a signature":         {raw[:len(raw)-43], "signature"},
		"bits after the signature": {raw[:len(raw)-1] + next, "signature"},
		"a signature of no base64": {parts[0] + "." + parts[1] + ".***", "signature"},
		"a line end in it":         {raw[:len(raw)-5] + "\n" + raw[len(raw)-5:], "ticket"},
		"a line end behind it":     {raw + "\r\n", "ticket"},
		"more than 2 KiB":          {sign(t, header, with(claims, "dev", strings.Repeat("d", 1500))), "ticket"},
		"a million characters":     {strings.Repeat("a", 1<<20), "ticket"},
		"the scheme of a header":   {"Bearer " + raw, "ticket"},
	} {
		refusedFor(t, name, c.raw, expect(), c.field)
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// TestNothingIsNeverWhatItMustBe: a caller who forgot to say what to expect lets
// nobody in.
func TestNothingIsNeverWhatItMustBe(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	claims["tnt"] = "wx0123456789abcdef"
	for field, forget := range map[string]func(*identity.Expect){
		"iss": func(e *identity.Expect) { e.MchID = "" },
		"aud": func(e *identity.Expect) { e.Audience = "" },
		"pkt": func(e *identity.Expect) { e.ListID = "" },
		"tnt": func(e *identity.Expect) { e.Space = "" },
	} {
		e := expect()
		forget(&e)
		for _, value := range []any{"", claims[field]} {
			refusedFor(t, field, sign(t, header, with(claims, field, value)), e, field)
		}
	}
}

// TestRefusalsTellNoSecrets: what a stranger wrote in a ticket is not repeated.
func TestRefusalsTellNoSecrets(t *testing.T) {
	t.Parallel()
	header, claims := valid()
	for _, field := range []string{"iss", "aud", "pkt", "sub", "jti", "name", "prv", "tnt", "pay"} {
		_, err := identity.Verify(sign(t, header, with(claims, field, "so secret\n")), expect())
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "verify ticket: ticket_refused ("+field+"): ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestVectorOfTheTicketFormat checks a ticket that was not made here. Its jti is
// shorter than the 16 characters that are asked for now, so the refusal that names
// it is as far as it gets: everything checked before has held.
func TestVectorOfTheTicketFormat(t *testing.T) {
	t.Parallel()
	const raw = "eyJhbGciOiJFZERTQSIsImtpZCI6Im1fMS0yMDI1YSIsInR5cCI6ImhiLWNsYWltK2p3dCJ9." +
		"eyJpc3MiOiJtXzEiLCJhdWQiOiJodHRwczovL2hiLmV4YW1wbGUiLCJzdWIiOiJ1LTEwMDEiLCJwa3QiOiJwXzEiLCJpYXQiOjE3NjAwMDAwMDAsImV4cCI6MTc2MDAwMDEyMCwianRpIjoidC0wMDAxIn0." +
		"NpWXD-61JiHQyuSiU3ZSNZsQBOyPzVfoPzQE9bVHdpPDWUQm9Y7mLMyN6BKAKysMyn0s1vo7DYuzP34RygMqDQ"
	e := identity.Expect{
		Key: func(kid string) (identity.Key, bool) {
			return identity.Key{Alg: identity.EdDSA, Public: ed25519.PublicKey(private()[32:])}, kid == "m_1-2025a"
		},
		MchID: "m_1", Audience: "https://hb.example", ListID: "p_1", Space: "wx1",
	}
	for at, field := range map[int64]string{1760000060: "jti", 1760000149: "jti", 1760000200: "exp", 1759999960: "iat"} {
		e.Now = time.Unix(at, 0)
		refusedFor(t, "the vector", raw, e, field)
	}
	e.Now = time.Unix(1760000060, 0)
	refusedFor(t, "the vector, changed", strings.Replace(raw, "eyJpc3", "eyJPc3", 1), e, "signature")
}

func TestSign(t *testing.T) {
	t.Parallel()
	c := identity.Claims{
		MchID: "10000100", Audience: "https://hb.example", Subject: "oFriend-1", ListID: "1000202611240000003699376128000",
		IssuedAt: noon, Expires: noon.Add(2 * time.Minute), JTI: "fedcba9876543210", Name: "李雷",
		Payee: identity.Payee{Kind: "ALIPAY_USER_ID", ID: "2088000000000001"},
	}
	raw, err := identity.Sign(c, "ed", private())
	if err != nil {
		t.Fatal(err)
	}
	got, err := identity.Verify(raw, expect())
	want := identity.Person{
		Provider: "ticket", Space: "wx0123456789abcdef", Subject: "oFriend-1", Name: "李雷",
		Pay: `{"kind":"ALIPAY_USER_ID","id":"2088000000000001"}`,
	}
	if err != nil || got.Person != want || got.JTI != c.JTI {
		t.Errorf("%#v, %v, want %#v", got, err, want)
	}
	var claims map[string]any
	if err := json.Unmarshal([]byte(payloadOf(raw)), &claims); err != nil || claims["aud"] != "https://hb.example" {
		t.Errorf("aud is %v (%v), want a text and no list", claims["aud"], err)
	}
	c.Name, c.Payee = "", identity.Payee{}
	if raw, err = identity.Sign(c, "ed", private()); err != nil || strings.Contains(payloadOf(raw), "name") || strings.Contains(payloadOf(raw), "pay") {
		t.Errorf("what is left out is signed: %s, %v", payloadOf(raw), err)
	}
	if _, err := identity.Sign(c, "ed", private()[:32]); err == nil {
		t.Error("half a key signs")
	}
}
