package explain

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hongbao.example/hongbao/internal/wire"
)

// Cause is the stable name of a mistake. docs/signature.md has a row for each.
type Cause string

// The causes.
const (
	EmptyField       Cause = "empty_field"
	NullField        Cause = "null_field"
	FieldLeftOut     Cause = "field_left_out"
	ExtraField       Cause = "extra_field"
	SignSigned       Cause = "sign_signed"
	FieldName        Cause = "field_name"
	Order            Cause = "order"
	Joint            Cause = "joint"
	WhiteSpace       Cause = "white_space"
	WhiteSpaceLost   Cause = "white_space_lost"
	LineEnd          Cause = "line_end"
	URLEncoded       Cause = "url_encoded"
	URLDecoded       Cause = "url_decoded"
	Entities         Cause = "entities"
	EntitiesSent     Cause = "entities_sent"
	CDATA            Cause = "cdata"
	Quotes           Cause = "quotes"
	Backslashes      Cause = "backslashes"
	Supplementary    Cause = "supplementary"
	NumberForm       Cause = "number_form"
	LetterCase       Cause = "letter_case"
	Charset          Cause = "charset"
	CharsetLost      Cause = "charset_lost"
	CharsetTwice     Cause = "charset_twice"
	UTF16            Cause = "utf16"
	UnicodeEscapes   Cause = "unicode_escapes"
	StringEncoded    Cause = "string_encoded"
	ByteOrderMark    Cause = "byte_order_mark"
	PreviousKey      Cause = "previous_key"
	OtherEnvironment Cause = "other_environment"
	V3Key            Cause = "v3_key"
	OtherSecret      Cause = "other_secret"
	SampleKey        Cause = "sample_key"
	KeyIsField       Cause = "key_is_field"
	KeyEmpty         Cause = "key_empty"
	KeySpaces        Cause = "key_spaces"
	KeyCase          Cause = "key_case"
	KeyCut           Cause = "key_cut"
	KeyForm          Cause = "key_form"
	NoKey            Cause = "no_key"
	KeyName          Cause = "key_name"
	KeyPlace         Cause = "key_place"
	Hash             Cause = "hash"
	HMACKey          Cause = "hmac_key"
	DoubleHash       Cause = "double_hash"
	SignCut          Cause = "sign_cut"
	SignDigits       Cause = "sign_digits"
	SignTwice        Cause = "sign_twice"
	SignBase64       Cause = "sign_base64"
	SignMarks        Cause = "sign_marks"
	SignForm         Cause = "sign_form"
	SignType         Cause = "sign_type"
	Method           Cause = "method"
	HMACOnly         Cause = "hmac_only"
	NoSign           Cause = "no_sign"
	NoneFits         Cause = "none_fits"
	TooLong          Cause = "too_long"
)

// A Language is one that findings are said in.
type Language string

// The languages.
const (
	Chinese Language = "zh"
	English Language = "en"
)

// A wording says a cause, and what to do about it, in both languages. {f} stands
// for fields, {k} for a masked key, {signed} and {sent} for those of the finding,
// {n} for a number of causes.
type wording struct{ zh, en, zhFix, enFix string }

// Causes lists every cause, so that tests can walk them.
func Causes() (all []Cause) {
	for c := range words {
		all = append(all, c)
	}
	return all
}

// Say says the finding in one sentence, without a full stop.
func (f Finding) Say(in Language) string {
	w := words[f.Cause]
	if in == Chinese {
		return f.fill(w.zh, "、")
	}
	return f.fill(w.en, ", ")
}

// Fix says what to do, in one sentence, without a full stop.
func (f Finding) Fix(in Language) string {
	w := words[f.Cause]
	if in == Chinese {
		return f.fill(w.zhFix, "、")
	}
	return f.fill(w.enFix, ", ")
}

// fieldsShown is how many fields a sentence names.
const fieldsShown = 4

func (f Finding) fill(sentence, comma string) string {
	fields := strings.Join(f.Fields[:min(len(f.Fields), fieldsShown)], comma)
	if len(f.Fields) > fieldsShown {
		fields += " …"
	}
	return strings.NewReplacer(
		"{f}", fields, "{k}", strings.TrimPrefix(f.Key, dots), "{signed}", shortened(f.Signed), "{sent}", shortened(f.Sent), "{n}", strconv.Itoa(f.kinds),
	).Replace(sentence)
}

// shownMax is how much of a value a sentence repeats, in characters.
const shownMax = 24

// shortened is a value as far as it can be shown in a line.
func shortened(v string) string {
	v = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, v)
	if utf8.RuneCountInString(v) > shownMax {
		return string([]rune(v)[:shownMax-1]) + "…"
	}
	return v
}

// Say says how the explanation ends, in one or two sentences.
func (r Report) Say(in Language) string {
	switch r.Verdict {
	case Right:
		if in == Chinese {
			return fmt.Sprintf("签名正确，用的是当前密钥（尾号 %s，%s）", tail(r.Key), r.Algorithm)
		}
		return fmt.Sprintf("The signature is right: current key (ends %s), %s", tail(r.Key), r.Algorithm)
	case Found, Unknown:
	}
	if r.Signed == "" {
		return r.reasons(in)
	}
	if in == Chinese {
		return r.reasons(in) + "。这样算出来的，与你发来的 sign 一字不差，所以原因就是它"
	}
	return r.reasons(in) + ". That gives exactly the sign you sent, so this is the cause"
}

func tail(k Key) string { return strings.TrimPrefix(k.String(), dots) }

// reasons says all findings.
func (r Report) reasons(in Language) string {
	all := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		all[i] = f.Say(in)
	}
	switch {
	case len(all) == 1:
		return all[0]
	case r.Verdict == Unknown && in == Chinese:
		return strings.Join(all, "。")
	case r.Verdict == Unknown:
		return strings.Join(all, ". ")
	case in == Chinese:
		return fmt.Sprintf("有 %d 处同时出错：%s", len(all), strings.Join(all, "；"))
	}
	return fmt.Sprintf("%d mistakes together: %s", len(all), strings.Join(all, "; "))
}

// briefMax bounds Brief, in characters: the protocol's bound for err_code_des.
const briefMax = 128

// Brief is the explanation in one line of Chinese for the answer to the request:
// at most 128 characters, all of which an XML document can hold. It is for a
// sandbox; in production a caller who may be anybody learns nothing.
func (r Report) Brief() string {
	text := "签名错误: " + r.reasons(Chinese)
	if !wire.Legal(text) {
		text = "签名错误"
	}
	if runes := []rune(text); len(runes) > briefMax {
		text = string(runes[:briefMax-1]) + "…"
	}
	return text
}
