package hongbao

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hongbao.example/hongbao/internal/wire"
)

// answerMax bounds an answer, in bytes. A packet of 1000 claims takes a sixth of it.
const answerMax = 1 << 20

// timeoutDefault bounds a try of the client that New makes, whatever its context.
const timeoutDefault = 30 * time.Second

// sandboxPath is before every path of a sandbox, for those who want to be sure.
// docs/api/wire.md#transport
const sandboxPath = "/sandboxnew"

// Config is what New needs. BaseURL, MchID and Key are required.
type Config struct {
	// BaseURL is the server, such as https://hb.example. Plain http is accepted,
	// for a server on the same machine: it protects neither answers nor order.
	BaseURL string

	MchID string
	Key   Secret // the APIv2 key, 32 characters

	// SignType is MD5, the default, or HMAC-SHA256.
	SignType string

	// Secure names the client certificate. It excludes HTTPClient, whose
	// transport would have to carry it.
	Secure Secure

	// HTTPClient makes the requests, but never follows a redirect. If nil, a
	// client is made that gives each try 30 seconds.
	HTTPClient *http.Client

	// Retry says how a call of unknown outcome is made again.
	Retry Retry

	// Sandbox makes sure that no money is real: the calls go to paths that only a
	// sandbox has. A server in production answers HTTP status 404 and sends nothing.
	Sandbox bool

	// StrictAnswers takes the answer to a send for what it says only if it is
	// signed; an unsigned one, even a refusal, is of unknown outcome. Answers to
	// queries are never signed.
	StrictAnswers bool
}

// A Client is one merchant's access to one server. It is safe for use by many
// goroutines and must not be copied.
type Client struct {
	V2 V2

	// Endpoints has every endpoint by its name, such as
	// v2/mmpaymkttransfers/sendgroupredpack. Read only.
	Endpoints map[string]*Endpoint

	base   string // without a slash at its end
	mchID  string
	key    wire.Key
	alg    wire.Algorithm
	strict bool
	retry  Retry
	http   *http.Client
}

// New makes a client. It connects to nothing; it reads the files of conf.Secure.
func New(conf Config) (*Client, error) {
	c := &Client{mchID: conf.MchID, strict: conf.StrictAnswers}
	var err error
	if c.base, err = baseURL(conf.BaseURL); err != nil {
		return nil, err
	}
	if !wire.ValidMchID(conf.MchID) {
		return nil, errors.New("hongbao: MchID: 1 to 32 digits expected")
	}
	if c.key, err = wire.NewKey(string(conf.Key)); err != nil {
		return nil, errors.New("hongbao: Key: 32 visible ASCII characters expected")
	}
	switch conf.SignType {
	case "", wire.MD5.String():
	case wire.HMACSHA256.String():
		c.alg = wire.HMACSHA256
	default:
		return nil, errors.New("hongbao: SignType: MD5 or HMAC-SHA256 expected")
	}
	if c.retry, err = conf.Retry.withDefaults(); err != nil {
		return nil, err
	}
	if c.http, err = httpClient(conf); err != nil {
		return nil, fmt.Errorf("hongbao: Secure: %w", err)
	}
	if conf.Sandbox {
		c.base += sandboxPath
	}
	c.connect()
	return c, nil
}

func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("hongbao: BaseURL: http(s)://host[:port] expected")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func httpClient(conf Config) (*http.Client, error) {
	transport, err := conf.Secure.transport()
	if err != nil {
		return nil, err
	}
	client := http.Client{Timeout: timeoutDefault}
	switch {
	case transport != nil && conf.HTTPClient != nil:
		return nil, errors.New("set either this or HTTPClient")
	case transport != nil:
		client.Transport = transport
	case conf.HTTPClient != nil:
		client = *conf.HTTPClient
	}
	// A redirected POST would carry the order to a host that nobody configured.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client, nil
}

// Chain returns the endpoint of that name, such as
// v2/mmpaymkttransfers/sendgroupredpack. An unknown name gives one that refuses.
func (c *Client) Chain(name string) *Endpoint { return c.Endpoints[strings.Trim(name, "/")] }

// SendGroupRedPack sends a packet of several random shares. Every error is an
// *Error. It is safe to repeat with the same MchBillNo: the same packet is
// answered.
func (c *Client) SendGroupRedPack(ctx context.Context, r GroupRedPack) (*Sent, error) {
	a, err := c.V2.MMPayMktTransfers.SendGroupRedPack.Post(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.Sent()
}

// SendRedPack sends a packet of one share, as SendGroupRedPack sends many.
func (c *Client) SendRedPack(ctx context.Context, r RedPack) (*Sent, error) {
	a, err := c.V2.MMPayMktTransfers.SendRedPack.Post(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.Sent()
}

// QueryRedPack asks what became of a packet. Every error is an *Error; its Code is
// NOT_FOUND if nothing was sent under that number.
func (c *Client) QueryRedPack(ctx context.Context, q Query) (*Packet, error) {
	a, err := c.V2.MMPayMktTransfers.GetHBInfo.Post(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.Packet()
}

// attempt makes one request of a prepared document.
func (c *Client) attempt(ctx context.Context, call wire.Call, doc wire.Document) (*Answer, *Error) {
	e := &Error{Call: string(call)}
	var answer wire.Answer
	body, err := c.post(ctx, e, call.Path(), wire.AppendRequest(nil, c.sign(doc)))
	if err == nil {
		answer, err = wire.ParseAnswer(body)
	}
	if err != nil {
		e.Err = err
		return nil, e
	}
	if !c.judge(e, doc, answer) {
		return nil, e
	}
	return newAnswer(call, answer), nil
}

// post sends a body and returns the answer's. It notes in e what the protocol of
// the web says beside that.
func (c *Client) post(ctx context.Context, e *Error, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	e.RetryAfter = retryAfter(resp.Header)
	body, err = io.ReadAll(io.LimitReader(resp.Body, answerMax+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		e.Status = resp.StatusCode
		return nil, errors.New("no answer of the protocol from " + req.URL.String())
	case err != nil:
		return nil, err
	case len(body) > answerMax:
		return nil, errors.New("answer too large")
	}
	return body, nil
}

// judge decides what an answer to doc means: true is done, otherwise e says it. An
// answer that is not the server's, or not to this request, decides nothing,
// whatever it says.
func (c *Client) judge(e *Error, doc wire.Document, answer wire.Answer) bool {
	done := answer.Value("return_code") == "SUCCESS" && answer.Value("result_code") == "SUCCESS"
	if !done {
		e.Code = answer.Value("err_code")
		e.Message = cmp.Or(answer.Value("err_code_des"), answer.Value("return_msg"))
	}
	switch {
	case e.Call == string(wire.GetHBInfo):
	case answer.Has("sign"):
		e.Err = wire.VerifyAnswer(answer, c.key)
	case c.strict:
		e.Err = errors.New("the answer is not signed")
	}
	for _, name := range []string{"mch_id", "mch_billno"} {
		if got := answer.Value(name); e.Err == nil && got != "" && got != doc.Value(name) {
			e.Err = errors.New("the answer is about another " + name)
		}
	}
	return done && e.Err == nil
}
