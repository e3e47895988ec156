// Command gopay calls a server through github.com/go-pay/gopay. A line of JSON on
// standard input is one call to make, and a line on standard output is what its
// caller got to see.
//
// It is a module of its own, so that what it needs does not enter the graph of
// hongbao's.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-pay/gopay"
	"github.com/go-pay/gopay/wechat"
)

// A job is one call to make.
type job struct {
	Shape   string        `json:"shape"`
	Call    string        `json:"call"`
	BaseURL string        `json:"base_url"`
	MchID   string        `json:"mch_id"`
	AppID   string        `json:"appid"`
	Key     string        `json:"key"`
	Secure  bool          `json:"secure"` // show the certificate
	Cert    string        `json:"cert"`
	CertKey string        `json:"cert_key"`
	Fields  gopay.BodyMap `json:"fields"`
}

// seen is what the library returned.
type seen struct {
	Answer any    `json:"answer,omitempty"`
	Error  string `json:"error,omitempty"`
}

// client is made as for the real host, but for BaseURL.
func (j job) client() (*wechat.Client, error) {
	c := wechat.NewClient(j.AppID, j.MchID, j.Key, true)
	c.BaseURL = j.BaseURL
	if !j.Secure {
		return c, nil
	}
	return c, c.AddCertPemFilePath(j.Cert, j.CertKey)
}

// method calls by the library's own method of the call.
func (j job) method(ctx context.Context) (any, error) {
	c, err := j.client()
	if err != nil {
		return nil, err
	}
	switch j.Call {
	case "sendgroupredpack":
		return c.SendGroupCashRed(ctx, j.Fields)
	case "sendredpack":
		return c.SendCashRed(ctx, j.Fields)
	default:
		return c.QueryRedRecord(ctx, j.Fields)
	}
}

// anyPath calls by the method that the library has for paths it does not know. It
// honours sign_type, and sends and signs an appid of its own.
func (j job) anyPath(ctx context.Context) (any, error) {
	c, err := j.client()
	if err != nil {
		return nil, err
	}
	var conf *tls.Config
	if j.Secure {
		cert, err := tls.LoadX509KeyPair(j.Cert, j.CertKey)
		if err != nil {
			return nil, err
		}
		conf = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	body, err := c.PostWeChatAPISelf(ctx, j.Fields, "/mmpaymkttransfers/"+j.Call, conf)
	if err != nil {
		return nil, err
	}
	var answer wechat.SendCashRedResponse
	return &answer, xml.Unmarshal(body, &answer)
}

func (j job) run(ctx context.Context) (any, error) {
	switch j.Shape {
	case "method":
		return j.method(ctx)
	case "any path":
		return j.anyPath(ctx)
	default:
		return nil, fmt.Errorf("no shape %q", j.Shape)
	}
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var j job
		if err := in.Decode(&j); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var s seen
		answer, err := j.run(context.Background())
		if err != nil {
			s.Error = err.Error()
		} else {
			s.Answer = answer
		}
		if err := out.Encode(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
