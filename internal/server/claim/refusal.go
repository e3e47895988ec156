package claim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"hongbao.example/hongbao/internal/fault"
)

// refusal is how this edge says a fault: to programs by its status, to people by a
// title and a message in their language.
type refusal struct {
	status         int
	title, message phrase
	retryAfter     int // seconds; 0: trying again is of no use
}

// refusals is every fault, in the order in which the first that applies is the
// answer (docs/api/claim.md#refusals). An empty row cannot happen on this edge.
var refusals = map[fault.Code]refusal{
	fault.NotFound: {
		status:  http.StatusNotFound,
		title:   phrase{"没有这个红包", "No such packet"},
		message: phrase{"链接可能不完整，请从原消息再点一次", "The link may be cut short; open it again from the message"},
	},
	fault.Method: {
		status:  http.StatusMethodNotAllowed,
		title:   phrase{"不能这样打开", "This cannot be opened that way"},
		message: phrase{"请从红包页面操作", "Please go by the packet's page"},
	},
	fault.TooLarge: {
		status:  http.StatusRequestEntityTooLarge,
		title:   phrase{"内容太多", "Too much was sent"},
		message: phrase{"请求内容不能超过 64 KiB", "A request may hold 64 KiB at most"},
	},
	fault.CrossSite: {
		status:  http.StatusForbidden,
		title:   phrase{"页面有点旧了", "This page is a little old"},
		message: phrase{"请回到红包页面再开一次", "Go back to the packet's page, then open it"},
	},
	fault.SignIn: {
		status:  http.StatusUnauthorized,
		title:   phrase{"先确认是你", "First, who are you?"},
		message: phrase{"请回到红包页面确认身份，再开启", "Go back to the packet's page and sign in, then open it"},
	},
	fault.TicketRefused: {
		status:  http.StatusUnauthorized,
		title:   phrase{"领取凭证无效", "The claim ticket does not hold"},
		message: phrase{"请回到商家的应用，重新打开红包", "Go back to the sender's app and open the packet again"},
	},
	fault.Held: {
		status:  http.StatusLocked,
		title:   phrase{"红包暂停中", "This packet is paused"},
		message: phrase{"恢复后可继续开启", "You can open it when it resumes"},
	},
	fault.Finished: {
		status:  http.StatusConflict,
		title:   phrase{"红包都被开走了", "All have been opened"},
		message: phrase{"这次没赶上", "You missed this one"},
	},
	fault.Expired: {
		status:  http.StatusGone,
		title:   phrase{"红包已结束", "This packet has ended"},
		message: phrase{"没开启的退回商家", "What was not opened goes back to the sender"},
	},
	fault.NotYours: {
		status:  http.StatusForbidden,
		title:   phrase{"这个红包是给另一位的", "This packet is for someone else"},
		message: phrase{"请本人用收到链接的账号打开", "Ask them to open it with the account that got the link"},
	},
	fault.SlowDown: {
		status:     http.StatusTooManyRequests,
		title:      phrase{"人有点多", "Many people at once"},
		message:    phrase{"稍等片刻再开，不会重复领取", "Wait a moment, then open again: you can only be paid once"},
		retryAfter: 1,
	},
	fault.Refused: {
		status:  http.StatusForbidden,
		title:   phrase{"这次没能领取", "This one could not be claimed"},
		message: phrase{"不符合活动规则，有疑问可联系商家", "It does not meet the campaign's rules; the sender can tell you more"},
	},
	fault.SeedFirst: {
		status:  http.StatusForbidden,
		title:   phrase{"等第一位好友开启", "Waiting for the first person"},
		message: phrase{"开启后请回到红包页面", "Come back to the packet's page after that"},
	},
	fault.Busy: {
		status:     http.StatusServiceUnavailable,
		title:      phrase{"人有点多，正在排队", "Many people at once"},
		message:    phrase{"还没有开启。稍等片刻再开", "Nothing was opened. Wait a moment, then try again"},
		retryAfter: 1,
	},
	fault.Unknown: {
		status:     http.StatusGatewayTimeout,
		title:      phrase{"还没有等到结果", "No answer yet"},
		message:    phrase{"放心重试，不会重复领取", "Trying again is safe: you can only be paid once"},
		retryAfter: 2,
	},

	fault.Malformed: {
		status:  http.StatusBadRequest,
		title:   phrase{"内容没有收全", "The request broke off"},
		message: phrase{"请再试一次", "Please try again"},
	},
	fault.Invalid: {
		status:  http.StatusUnprocessableEntity,
		title:   phrase{"这样填不行", "That will not do"},
		message: phrase{"请按页面上的说明填写", "Please fill in the form as it says"},
	},

	fault.Internal: {
		status:  http.StatusInternalServerError,
		title:   phrase{"出了点问题", "Something went wrong"},
		message: phrase{"问题在我们这边，已记录。请稍后再来", "The fault is ours and was recorded. Please come back later"},
	},

	fault.Certificate: {}, fault.Signature: {}, fault.Conflict: {}, fault.Closed: {}, fault.Unauthorized: {}, fault.Relation: {},
	fault.MsgAppID: {}, fault.AmountLimit: {}, fault.Night: {}, fault.RateLimit: {}, fault.DayNum: {}, fault.SeedNum: {},
	fault.SeedAmount: {}, fault.DayAmount: {}, fault.Funds: {},
}

// refusalOf is how a fault is said. What cannot happen is a fault of ours if it
// does; its details are in the log.
func refusalOf(c fault.Code) refusal {
	if said := refusals[c]; said.status != 0 {
		return said
	}
	return refusals[fault.Internal]
}

// problem is a refusal as programs read it (RFC 9457).
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// refuse answers with an error.
func (x *exchange) refuse(err error) {
	code := fault.CodeOf(err)
	if code == fault.Internal && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		code = fault.Busy // nothing but reading was still to be waited for
	}
	said := refusalOf(code)
	if said.status == http.StatusInternalServerError {
		x.h.cfg.Log.Error("a claimant was not answered", "path", x.r.Pattern, "error", err)
	}
	header := x.w.Header()
	if said.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(said.retryAfter))
	}
	if said.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if x.wantsPage() {
		if err := x.render(said.status, "refusal", x.newNotice(said)); err == nil {
			return
		}
	}
	p := problem{
		Type: "about:blank", Title: said.title[x.lang], Status: said.status, Code: code.String(),
		Message: said.message[x.lang], Field: fault.FieldOf(err),
	}
	if detail := fault.DetailOf(err); p.Field != "" && detail != "" {
		p.Message += " (" + p.Field + ": " + detail + ")" // for whoever writes the program
	}
	body, err := json.Marshal(p)
	if err != nil {
		x.h.cfg.Log.Error("a refusal was not written", "error", err)
	}
	x.send(said.status, "application/problem+json", body)
}

// wantsPage tells whether a refusal goes to a person: somebody who takes HTML or
// has sent a form.
func (x *exchange) wantsPage() bool {
	if x.r.Method == http.MethodPost {
		return !x.wantsJSON()
	}
	return !x.wantsJSON() && quality(x.r.Header.Get("Accept"), "text/html") > 0
}

// notice is what the page of a refusal shows.
type notice struct {
	frame
	Heading, Message string
	Back             string // address of the packet's page; empty: there is none
}

func (x *exchange) newNotice(said refusal) notice {
	n := notice{frame: x.frame(said.title[x.lang]), Heading: said.title[x.lang], Message: said.message[x.lang]}
	if x.token != "" {
		n.Back = "/p/" + x.token
	}
	return n
}
