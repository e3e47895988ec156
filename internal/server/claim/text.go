package claim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/money"
	"hongbao.example/hongbao/internal/packet"
)

// language is one of those that the page speaks: an index into a phrase.
type language int

// The languages.
const (
	chinese language = iota
	english
)

// tag names the language in HTML.
func (l language) tag() string { return [...]string{"zh-CN", "en"}[l] }

// languageOf returns the language of a request: Chinese for who prefers it to
// English, else English.
func languageOf(r *http.Request) language {
	accept := strings.Join(r.Header.Values("Accept-Language"), ",")
	if quality(accept, "zh") > quality(accept, "en") {
		return chinese
	}
	return english
}

// membersMax bounds the members that are read of a header.
const membersMax = 32

// quality says how much a caller wants name, by a header such as Accept or
// Accept-Language: 0 if it is not listed, else more for a higher q and, at the same
// q, for an earlier place. "zh" stands for "zh-Hans" too.
func quality(header, name string) (best int) {
	for place, member := range slices.All(strings.SplitN(header, ",", membersMax)) {
		value, parameters, _ := strings.Cut(member, ";")
		value = strings.ToLower(strings.TrimSpace(value))
		if !strings.Contains(name, "/") {
			value, _, _ = strings.Cut(value, "-") // a language, without its script and region
		}
		if q := weight(parameters); value == name && q > 0 {
			best = max(best, q*membersMax-place)
		}
	}
	return best
}

// weight returns q in thousandths: 1000 if there is none.
func weight(parameters string) int {
	for p := range strings.SplitSeq(parameters, ";") {
		q, ok := strings.CutPrefix(strings.TrimSpace(p), "q=")
		if !ok {
			continue
		}
		whole, fraction, _ := strings.Cut(q, ".")
		thousandths, err := strconv.Atoi(whole + (fraction + "000")[:3])
		if err != nil {
			return 0
		}
		return min(max(thousandths, 0), 1000)
	}
	return 1000
}

// phrase is one text in each language.
type phrase [2]string

// phrases are the texts of the pages. Verbs are those of fmt; with an index where
// the languages put values in another order.
var phrases = map[string]phrase{
	"from":       {"%s的红包", "A red packet from %s"},
	"sandbox":    {"沙箱，不动真钱", "Sandbox, no real money"},
	"reload":     {"刷新", "Reload"},
	"left":       {"还剩 %d 个，共 %d 个", "%d of %d left"},
	"ends":       {"%s后结束", "ends in %s"},
	"seal":       {"开红包，%[2]d 个里还剩 %[1]d 个", "Open the red packet, %d of %d left"},
	"open":       {"点击开启", "Tap to open"},
	"seed":       {"你是第一位，先开一个", "You go first"},
	"seed.rest":  {"开启后，把其余 %d 个分给朋友", "Then share the other %d with friends"},
	"wait":       {"等第一位好友开启", "Waiting for the first person"},
	"wait.then":  {"开启后请刷新本页", "Reload this page after that"},
	"wait.stamp": {"待开启", "Not yet"},
	"held":       {"红包暂停中", "This packet is paused"},
	"held.then":  {"恢复后可继续开启", "You can open it when it resumes"},
	"held.stamp": {"暂停中", "Paused"},
	"other":      {"这个红包是给另一位的", "This packet is for someone else"},
	"other.then": {"请本人用收到链接的账号打开", "Ask them to open it with the account that got the link"},

	"other.stamp":   {"非本人", "Not yours"},
	"outside":       {"请从商家的应用里打开", "Open it from the sender's app"},
	"outside.then":  {"由商家的应用确认是你", "The sender's app vouches for you"},
	"outside.stamp": {"未确认", "Who?"},
	"signin":        {"先确认是你", "First, who are you?"},
	"signin.then":   {"沙箱里说是谁就是谁。商家指定的第一位，用商家填写的 openid", "A sandbox takes your word for it. The first person uses the openid that the sender named"},
	"signin.name":   {"名字（字母、数字、- 和 _）", "Name (letters, digits, - and _)"},
	"signin.button": {"继续", "Continue"},
	"signin.other":  {"换一个人试试", "Try as somebody else"},

	"slot":            {"你开启了第 %d 个，共 %d 个", "You opened number %d of %d"},
	"payout.due":      {"已归你，等待打款", "It is yours; the payout has not started yet"},
	"payout.moving":   {"打款途中", "On its way to you"},
	"payout.confirm":  {"还差一步到账，请在打款通知里确认收款", "One more step to receive it: confirm it where you were notified"},
	"payout.paid":     {"已到账", "Paid out"},
	"payout.play":     {"沙箱红包，没有真实到账", "Sandbox packet, no real money moved"},
	"payout.failed":   {"还没到账，钱仍为你留着", "Not paid out yet. The money is kept for you"},
	"payout.held":     {"金额已归你，打款前需要核实", "It is yours; it is checked before it is paid out"},
	"payout.returned": {"这一份已退回商家", "This share went back to the sender"},

	"share":        {"还有 %d 个，分给朋友", "%d left for your friends"},
	"share.then":   {"全部开启后揭晓手气最佳", "The luckiest is named once all are open"},
	"share.link":   {"红包链接，长按复制", "Link: press and hold to copy"},
	"share.qr":     {"二维码：打开这个红包", "QR code: opens this packet"},
	"share.scan":   {"扫一扫，开红包", "Scan to open"},
	"share.poster": {"海报", "Poster"},

	"all":          {"%d 个红包，%s开完", "All %d opened in %s"},
	"all.sum":      {"共 %s", "%s in all"},
	"all.luckiest": {"手气最佳 %s %s", "the luckiest is %s with %s"},
	"over":         {"红包已结束，开了 %d 个", "Ended with %d opened"},
	"over.back":    {"%d 个未开启，%s已退回商家", "%d unopened, %s returned to the sender"},
	"over.going":   {"未开启的正在退回商家", "What is unopened is being returned"},
	"missed":       {"这次没赶上", "You missed this one"},

	"list":          {"已开 %d/%d", "Opened %d of %d"},
	"list.sum":      {"%s，共 %s", "%s of %s"},
	"list.you":      {"你", "You"},
	"list.no":       {"第 %d 个", "No. %d"},
	"list.first":    {"第一位", "First"},
	"list.luckiest": {"手气最佳", "Luckiest"},
	"list.by":       {"经第 %d 个的链接", "by the link of No. %d"},
	"list.more":     {"更多", "More"},

	"fair":            {"验证这次分配", "Check this split"},
	"fair.fixed":      {"谁拿多少，发出时已定，之后没有人能改", "Fixed when sent; nobody could change it afterwards"},
	"fair.limit":      {"这不能证明发出的人事先不知道、也没有挑选过分法", "This does not prove that the operator did not know the split, or did not pick it"},
	"fair.commitment": {"承诺值，%s 公布", "Commitment, published %s"},
	"fair.before":     {"红包结束后公开种子，谁都可以重新算一遍", "The secret appears after the end, and anyone can work the split out again"},
	"fair.after":      {"种子已公开，谁都可以重新算一遍", "The secret is public: anyone can work the split out again"},
	"fair.proof":      {"验证数据", "The data"},

	"back":       {"回到红包", "Back to the packet"},
	"home":       {"裂变红包", "hongbao"},
	"home.what":  {"这里分发商家的红包：第一位先开，再把链接传给朋友，直到开完或到期。", "Merchants' red packets are handed out here: the first person opens one and passes the link on to friends, until all are open or time is up."},
	"home.where": {"请从你收到的链接打开红包。", "Open a packet by the link that you were sent."},
}

// say fills the phrase called key. It panics if there is none.
func (l language) say(key string, values ...any) string {
	p, ok := phrases[key]
	if !ok {
		panic(fmt.Sprintf("claim: no phrase is called %q", key))
	}
	return fmt.Sprintf(p[l], values...)
}

// money writes an amount: 8.27 元, ¥8.27.
func (l language) money(a money.Fen) string {
	yuan, fen, _ := strings.Cut(a.String(), ".")
	for i := len(yuan) - 3; i > 0; i -= 3 {
		yuan = yuan[:i] + "," + yuan[i:]
	}
	if l == chinese {
		return yuan + "." + fen + " 元"
	}
	return "¥" + yuan + "." + fen
}

// span writes how long something takes, in its two largest units.
func (l language) span(d time.Duration) string {
	seconds := max(int64(d/time.Second), 1)
	units := []struct {
		size int64
		name phrase
	}{{86400, phrase{" 天", " d"}}, {3600, phrase{" 小时", " h"}}, {60, phrase{" 分", " min"}}, {1, phrase{" 秒", " s"}}}
	var parts []string
	for _, u := range units {
		if n := seconds / u.size; n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.FormatInt(n, 10)+u.name[l])
		} else if len(parts) > 0 {
			break
		}
		seconds %= u.size
	}
	return strings.Join(parts, " ")
}

// date and clock write a time (milliseconds) in the merchant's zone.
func (l language) date(millis int64) string {
	layout := [...]string{"1 月 2 日 15:04", "Jan 2, 15:04"}[l]
	return time.UnixMilli(millis).In(packet.Beijing).Format(layout)
}

func (language) clock(millis int64) string {
	return time.UnixMilli(millis).In(packet.Beijing).Format(time.TimeOnly)
}
