package interop_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A reply is an answer of the server, taken apart as the simplest of clients would.
type reply struct {
	body   string
	fields message
	claims []message // the entries of hblist, in their order
}

func (r reply) value(name string) string { return r.fields.value(name) }

// reads is what a reply says: done, or a code.
func (r reply) reads() string {
	if r.value("return_code") == "SUCCESS" && r.value("result_code") == "SUCCESS" {
		return done
	}
	return r.value("err_code")
}

// element is one element as answers have it: digits, one section, or text.
var element = regexp.MustCompile(`^<(\w+)>(?:<!\[CDATA\[((?s).+?)\]\]>|([^<]+))</(\w+)>\n`)

// The only references that answers have.
var (
	escaped   = strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;")
	unescaped = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// bareNames are the elements that stand without CDATA.
var bareNames = []string{"mch_id", "total_amount", "total_num", "send_listid", "refund_amount", "amount"}

// printed is an element as an answer has to have it: a number bare, mark-up as
// text, all else as one section.
func printed(f pair) string {
	value := section(f.value)
	switch {
	case slices.Contains(bareNames, f.name):
		value = f.value
	case strings.Contains(f.value, "<") || strings.Contains(f.value, "]]>"):
		value = escaped.Replace(f.value)
	}
	return "<" + f.name + ">" + value + "</" + f.name + ">\n"
}

// readReply takes an answer apart. It fails for one that is not written as every
// client can read it: an element a line, none of them empty, hblist apart no
// element in another. docs/api/wire.md#printer
func readReply(t *testing.T, body string) reply {
	t.Helper()
	r := reply{body: body}
	rest, ok := strings.CutPrefix(body, "<xml>\n")
	within := &r.fields
	for ok && rest != "</xml>" {
		m := element.FindStringSubmatch(rest)
		switch {
		case m != nil && m[1] == m[4]:
			f := pair{m[1], m[2] + unescaped.Replace(m[3])} // a section or text
			if m[0] != printed(f) {
				t.Errorf("written %q, want %q", m[0], printed(f))
			}
			*within = append(*within, f)
			rest = rest[len(m[0]):]
		case strings.HasPrefix(rest, "<hblist>\n<hbinfo>\n") && within == &r.fields:
			rest = rest[len("<hblist>\n"):]
		case strings.HasPrefix(rest, "<hbinfo>\n"):
			r.claims = append(r.claims, nil)
			within = &r.claims[len(r.claims)-1]
			rest = rest[len("<hbinfo>\n"):]
		case strings.HasPrefix(rest, "</hbinfo>\n<hbinfo>\n"):
			rest = rest[len("</hbinfo>\n"):]
		case rest == "</hbinfo>\n</hblist>\n</xml>":
			rest = "</xml>"
		default:
			ok = false
		}
	}
	if !ok {
		t.Fatalf("an answer that not every client reads, from %q on:\n%s", rest, body)
	}
	return r
}

// The elements of answers, in their order. docs/api/wire.md#answers
var (
	envelope   = []string{"return_code", "return_msg", "sign", "result_code", "err_code", "err_code_des", "mch_billno", "mch_id"}
	sendNames  = append(slices.Clip(envelope), "wxappid", "re_openid", "total_amount", "total_num", "send_listid", "claim_url")
	queryNames = append(slices.Clip(envelope), "detail_id", "status", "send_type", "hb_type", "total_num", "total_amount",
		"send_time", "refund_time", "refund_amount", "wishing", "remark", "act_name")
	claimNames = []string{"openid", "amount", "rcv_time"}
)

var (
	number = regexp.MustCompile(`^[1-9][0-9]*$`)
	clock  = regexp.MustCompile(`^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$`)
)

// forms are what values must be: some clients read them into enumerations and
// times, and fail on any other.
var forms = map[string]*regexp.Regexp{
	"return_code":  regexp.MustCompile(`^(SUCCESS|FAIL)$`),
	"result_code":  regexp.MustCompile(`^(SUCCESS|FAIL)$`),
	"err_code":     regexp.MustCompile(`^(SUCCESS|0|XML_ERROR|PARAM_ERROR|SIGN_ERROR|FATAL_ERROR|NOT_FOUND)$`),
	"sign":         regexp.MustCompile(`^([0-9A-F]{32}|[0-9A-F]{64})$`),
	"status":       regexp.MustCompile(`^(SENDING|SENT|FAILED|RECEIVED|RFUND_ING|REFUND)$`),
	"send_type":    regexp.MustCompile(`^API$`),
	"hb_type":      regexp.MustCompile(`^(GROUP|NORMAL)$`),
	"total_amount": number, "total_num": number, "refund_amount": number, "amount": number,
	"send_listid": regexp.MustCompile(`^9000[0-9]{27}$`),
	"detail_id":   regexp.MustCompile(`^9000[0-9]{27}$`),
	"send_time":   clock, "rcv_time": clock, "refund_time": clock,
	"claim_url": regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+/p/[\w-]{36}$`),
}

// unsignedCodes are refusals from before the request's own sign has verified.
var unsignedCodes = []string{"XML_ERROR", "SIGN_ERROR", "CA_ERROR"}

// check holds a reply to the protocol: names, order, forms, sign.
func (r reply) check(t *testing.T, call string, withHMAC bool) {
	t.Helper()
	names := sendNames
	if call == "gethbinfo" {
		names = queryNames
	}
	checkFields(t, r.fields, names)
	for _, claim := range r.claims {
		checkFields(t, claim, claimNames)
		if len(claim) != len(claimNames) {
			t.Errorf("a claim has the elements %v", claim)
		}
	}
	if r.value("return_msg") == "" || r.value("err_code_des") == "" {
		t.Errorf("nothing for people to read: %s", r.body)
	}
	want := r.fields.sign(nil, withHMAC)
	if call == "gethbinfo" || slices.Contains(unsignedCodes, r.value("err_code")) {
		want = ""
	}
	if got := r.value("sign"); got != want {
		t.Errorf("signed %q, want %q: %s", got, want, r.body)
	}
}

// checkEcho holds a reply to its request: clients compare what comes back, also
// with a refusal. What could not be read, or shown, does not come back.
func (r reply) checkEcho(t *testing.T, call string, request message) {
	t.Helper()
	names := []string{"mch_billno", "mch_id"}
	if call != "gethbinfo" {
		names = append(names, "wxappid", "re_openid", "total_amount")
	}
	if call == "sendgroupredpack" {
		names = append(names, "total_num")
	}
	for _, name := range names {
		want := request.value(name)
		if r.value("err_code") == "XML_ERROR" || name == "mch_billno" && len(want) > 28 {
			want = ""
		}
		if got := r.value(name); got != want {
			t.Errorf("the request has the %s %q, the answer %q: %s", name, want, got, r.body)
		}
	}
}

// checkFields holds elements to their order and their forms.
func checkFields(t *testing.T, fields message, names []string) {
	t.Helper()
	last := -1
	for _, f := range fields {
		at := slices.Index(names, f.name)
		if at <= last {
			t.Errorf("%s is unknown, or stands where it should not, in %v", f.name, fields)
		}
		last = at
		if form, ok := forms[f.name]; ok && !form.MatchString(f.value) {
			t.Errorf("%s is %q, want %s", f.name, f.value, form)
		}
	}
}

// checkTransport holds a reply to what clients demand of HTTP.
func checkTransport(t *testing.T, resp *http.Response, r reply) {
	t.Helper()
	if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(r.body)) || resp.Close || resp.Uncompressed {
		t.Errorf("status %d, %d of %d bytes announced, to be closed: %v, compressed: %v",
			resp.StatusCode, resp.ContentLength, len(r.body), resp.Close, resp.Uncompressed)
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/xml; charset=utf-8" {
		t.Errorf("the type is %q", kind)
	}
	if strings.Contains(strings.ToLower(r.body), "<html") {
		t.Errorf("an answer that looks like a gateway's page: %s", r.body)
	}
}
