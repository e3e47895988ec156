// Package explain says why a signature is wrong. The merchant protocol only says
// that it is; and whoever made the mistake cannot see it, because a digest shows
// nothing of what went into it. But mistakes are few, and all of them can be made:
//
//	request ──► catalogue of mistakes ──► sign it with each ──► does one give the sign?
//
// A match is proof. Two texts with one digest are not found by accident, so the
// mistake that reproduces a sign is the mistake that made it, and Explain names
// nothing else with certainty. If none matches it says so, and how many it tried:
// that a field was changed after signing, or that the key is another merchant's,
// cannot be shown, only supposed.
//
// The search tries no mistake, then each one, then two at a time, for each key and
// for each of the sets that a sign may cover (docs/api/wire.md#verification). The
// second of two is one of the common ones, or another key. It stops at waysMax
// digests or at workMax bytes, whichever is first: some ten milliseconds for a
// usual document. What a sign looks like (its form) and what sign_type says can be
// seen without a search, and come on top of the two.
//
// Keys come in and never go out: what is shown has the key masked, all but its
// last four characters. A report says nothing of the right sign either, so a
// server may show it to whoever made the request.
//
// The package is pure. It knows which API keys are in force only as far as the
// caller says so, and what a merchant's settings demand likewise.
package explain

import (
	"slices"
	"strings"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/wire"
)

// How far a search goes.
const (
	waysMax     = 20_000  // digests
	workMax     = 8 << 20 // bytes hashed, and what it takes to prepare them
	documentMax = 4 << 10 // bytes of names and values, which no good request exceeds
	keysMax     = 12
)

// Request is a request whose sign is wrong, or may be.
type Request struct {
	Call     wire.Call
	Document wire.Document // as read, sign and empty elements included
	Keys     []Key         // those in force first; at most 12 are looked at
	HMACOnly bool          // the merchant takes no MD5
}

// Verdict is how an explanation ends.
type Verdict int

// The verdicts.
const (
	Right   Verdict = iota // the signature is right
	Found                  // it is wrong, and the findings are the reason
	Unknown                // it is wrong, and no mistake that is known made it
)

// Report is an explanation.
type Report struct {
	Verdict  Verdict
	Findings []Finding // what is wrong; empty if nothing is
	// Key and Algorithm made the sign. Without a match Key is zero.
	Key       Key
	Algorithm wire.Algorithm
	// Signed is the string that was signed, if that is known, and Expected the one
	// that should have been: keys are masked. Differ is the number of bytes that
	// both begin with; -1 if they are the same, or one is not known.
	Signed, Expected string
	Differ           int
	Kinds, Ways      int // causes and digests that were tried
}

// Finding is one thing that is wrong.
type Finding struct {
	Cause  Cause
	Fields []string // that it concerns, as they are sent
	Proved bool     // it is so; else it is likely
	// Signed and Sent are what was signed and what was sent in its place: a value,
	// a name, an algorithm. Either may be empty.
	Signed, Sent string
	Key          string // masked, if another key than one in force was used
	kinds        int    // of the report, for the words of NoneFits
}

// Explain finds out why a request's signature is wrong. It may be asked about a
// right one.
func Explain(r Request) Report {
	x := search{r: r, keys: r.Keys[:min(len(r.Keys), keysMax)]}
	for i := range x.keys {
		k := x.keys[i]
		if k.use != Valid {
			continue
		}
		key, _ := wire.NewKey(*k.text) // it was one when k was made
		if _, alg, err := wire.Verify(r.Call, r.Document, key); err == nil {
			return x.verified(k, alg)
		}
	}
	return x.wrong()
}

// A search looks for the mistakes that made a sign.
type search struct {
	r       Request
	keys    []Key
	sets    [][]wire.Field // that a sign may cover
	targets []target
	*catalogue
	hashing map[int][]*mistake // by size of the digest

	ways, work int // spent
	signing    signing
	fields     []wire.Field // memory for those of signing
	text       []byte       // memory for what is hashed
}

// verified reports on a signature that holds.
func (x *search) verified(k Key, alg wire.Algorithm) Report {
	rep := Report{Verdict: Right, Key: k, Algorithm: alg, Differ: -1}
	if x.r.HMACOnly && alg != wire.HMACSHA256 {
		rep.Verdict, rep.Findings = Found, []Finding{{Cause: HMACOnly, Proved: true}}
	}
	return rep
}

// wrong reports on one that does not.
func (x *search) wrong() Report {
	sign := x.r.Document.Value("sign")
	if sign == "" {
		return Report{Verdict: Found, Findings: []Finding{{Cause: NoSign, Proved: true}}, Differ: -1}
	}
	x.sets = sets(x.r.Call, x.r.Document)
	size := 0
	for _, f := range x.r.Document {
		size += len(f.Name) + len(f.Value)
	}
	if size > documentMax {
		return x.unknown(Finding{Cause: TooLong})
	}
	x.targets = targets(sign)
	x.catalogue = newCatalogue(x.r.Call, x.r.Document, x.sets[0])
	x.hashing = map[int][]*mistake{16: hashings(16), 32: hashings(32)}
	for mistakes := range 3 {
		if m := x.pass(mistakes); m != nil {
			return x.found(m)
		}
	}
	return x.unknown(Finding{Cause: NoneFits})
}

// sets are the sets of fields that a sign may cover, each sorted, the largest
// first. docs/api/wire.md#verification
func sets(call wire.Call, doc wire.Document) [][]wire.Field {
	var all [][]wire.Field
	for _, covers := range []func(string) bool{
		func(string) bool { return true },
		call.Documents,
		func(name string) bool {
			return name != "sign_type" && name != "sub_appid" && (name != "sub_mch_id" || call != wire.GetHBInfo)
		},
	} {
		set := []wire.Field{}
		for _, f := range doc {
			if f.Name != "sign" && f.Value != "" && covers(f.Name) {
				set = append(set, f)
			}
		}
		slices.SortStableFunc(set, byName)
		if !slices.ContainsFunc(all, func(o []wire.Field) bool { return slices.Equal(o, set) }) {
			all = append(all, set)
		}
	}
	return all
}

// A match says what made the search's signing the one that made the sign.
type match struct {
	key      *Key
	set      []wire.Field
	target   *target
	mistakes []*mistake
}

// pass tries everything that takes a number of mistakes, another key being one.
func (x *search) pass(mistakes int) *match {
	for i := range x.keys {
		k, n := &x.keys[i], mistakes
		if k.use != Valid {
			n--
		}
		for _, set := range x.sets {
			for j := range x.targets {
				m := match{key: k, set: set, target: &x.targets[j]}
				if found := x.some(m, n); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// some tries a number of mistakes, with all else fixed.
func (x *search) some(m match, n int) *match {
	if n == 0 {
		return x.try(m)
	}
	all := slices.Concat(x.mistakes, x.hashing[m.target.size])
	for i, first := range all {
		switch {
		case x.spent():
			return nil
		case n < 0 || first.slot == whose && m.key.use != Valid:
		case n == 1:
			if found := x.try(m, first); found != nil {
				return found
			}
		case first.common:
			for _, second := range all[i+1:] {
				if !second.common || !first.fits(second) {
					continue
				}
				if found := x.try(m, first, second); found != nil {
					return found
				}
			}
		}
	}
	return nil
}

// try makes the mistakes and compares.
func (x *search) try(m match, mistakes ...*mistake) *match {
	if x.spent() {
		return nil
	}
	x.fields = append(x.fields[:0], m.set...)
	x.signing = right(x.fields, *m.key.text, m.target.hash)
	s := &x.signing
	for _, mistake := range mistakes {
		if !mistake.apply(s) {
			return nil // the same as without it
		}
	}
	x.text = s.text(x.text[:0])
	x.ways++
	x.work += 64 + 16*len(s.fields) + len(x.text)
	if !m.target.is(s.hash(x.text, s.key)) {
		return nil
	}
	m.mistakes = mistakes
	return &m
}

// spent says whether the search has gone as far as it may.
func (x *search) spent() bool { return x.ways >= waysMax || x.work >= workMax }

// found reports on a match.
func (x *search) found(m *match) Report {
	rep := Report{Verdict: Found, Key: *m.key, Signed: x.hide(x.signing.show()), Kinds: x.kinds(), Ways: x.ways}
	if m.target.size == 32 {
		rep.Algorithm = wire.HMACSHA256
	}
	if cause, ok := otherKeys[m.key.use]; ok {
		rep.add(Finding{Cause: cause, Proved: true, Key: m.key.String(), Signed: m.key.label})
	}
	for _, part := range slices.Concat(m.mistakes, m.target.forms) {
		rep.add(Finding{Cause: part.cause, Fields: part.fields, Signed: part.signed, Sent: part.sent, Proved: true})
	}
	known := (m.target.size == 16 || m.target.size == 32) && !slices.ContainsFunc(m.mistakes, func(o *mistake) bool { return o.slot == hashing })
	if f, ok := x.stated(rep.Algorithm); ok && (known || f.Cause == SignType) {
		rep.add(f)
	}
	rep.Expected = x.expected(m.set)
	rep.Differ = differ(rep.Signed, rep.Expected)
	return rep
}

// otherKeys is what it is called to sign with a key that is not in force.
var otherKeys = map[Use]Cause{Retired: PreviousKey, Elsewhere: OtherEnvironment, V3: V3Key, Other: OtherSecret}

// unknown reports that nothing was found, and why. Beside it stands what is wrong
// with the request whatever its sign was made of.
func (x *search) unknown(why Finding) Report {
	sign := x.r.Document.Value("sign")
	rep := Report{Verdict: Unknown, Kinds: x.kinds(), Ways: x.ways, Differ: -1}
	if len(sign) == 64 {
		rep.Algorithm = wire.HMACSHA256
	}
	if !plain(sign) {
		rep.add(Finding{Cause: SignForm, Proved: true})
	} else if f, ok := x.stated(rep.Algorithm); ok {
		f.Proved = f.Cause == SignType // a digest of that length need not be of that algorithm
		rep.add(f)
	}
	why.kinds = rep.Kinds
	rep.add(why)
	rep.Expected = x.expected(x.sets[0])
	return rep
}

// stated is what is wrong with sign_type, given the algorithm of the sign.
func (x *search) stated(alg wire.Algorithm) (Finding, bool) {
	switch stated := x.r.Document.Value("sign_type"); stated {
	case "", alg.String():
		return Finding{}, false
	case wire.MD5.String(), wire.HMACSHA256.String():
		return Finding{Cause: Method, Signed: alg.String(), Sent: stated, Proved: true}, true
	default:
		return Finding{Cause: SignType, Sent: stated, Proved: true}, true
	}
}

// add adds a finding, or its fields to one of the same cause.
func (r *Report) add(f Finding) {
	for i := range r.Findings {
		if o := &r.Findings[i]; o.Cause == f.Cause {
			o.Fields = slices.Concat(o.Fields, f.Fields)
			return
		}
	}
	r.Findings = append(r.Findings, f)
}

// kinds counts the causes that were tried.
func (x *search) kinds() int {
	causes := map[Cause]bool{}
	if x.catalogue != nil {
		for _, m := range slices.Concat(x.mistakes, x.hashing[16], x.hashing[32]) {
			causes[m.cause] = true
		}
	}
	for _, k := range x.keys {
		if cause, ok := otherKeys[k.use]; ok {
			causes[cause] = true
		}
	}
	return len(causes)
}

// expected is the string that a set should have been signed over.
func (x *search) expected(set []wire.Field) string {
	key := dots
	if len(x.keys) > 0 {
		key = *x.keys[0].text
	}
	s := right(set, key, nil)
	return x.hide(s.show())
}

// hide masks keys that stand in a text because the document holds them.
func (x *search) hide(text string) string {
	for _, k := range x.keys {
		text = replaceFold(text, *k.text, k.String())
	}
	return text
}

// differ is the length of the common beginning of two texts, in bytes that are
// whole characters; -1 if they are the same.
func differ(a, b string) int {
	if a == b {
		return -1
	}
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}

// CallOf guesses which call a document is for, by the elements that only one of
// them has.
func CallOf(doc wire.Document) wire.Call {
	switch {
	case doc.Has("bill_type"), doc.Has("appid") && !doc.Has("wxappid"):
		return wire.GetHBInfo
	case doc.Has("amt_type"), !doc.Has("client_ip") && strings.TrimLeft(doc.Value("total_num"), "01") != "":
		return wire.SendGroupRedPack
	}
	return wire.SendRedPack
}
