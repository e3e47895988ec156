package explain

// words has a row for every cause.
var words = map[Cause]wording{
	EmptyField: {
		"空字段 {f} 参与了签名", "An empty field was signed: {f}",
		"签名前去掉没有值的字段", "Drop fields without a value before you sign",
	},
	NullField: {
		"没有值的字段 {f} 按 {signed} 参与了签名", "{f} has no value but was signed as {signed}",
		"没有值的字段不要拼成文字，整个去掉", "Do not write a missing value as text: drop the field",
	},
	FieldLeftOut: {
		"字段 {f} 没有参与签名", "Field {f} was left out",
		"发送的字段除 sign 和空值外都要签", "Sign every field you send, except sign and empty ones",
	},
	ExtraField: {
		"签名里多了没有发送的字段 {f}", "Signed a field that was not sent: {f}",
		"从同一份数据里签名和生成 XML", "Sign and print the same set of fields",
	},
	SignSigned: {
		"sign 自己参与了签名", "The sign itself was signed",
		"签名前去掉 sign，并且只签一次", "Remove sign before you sign, and sign once",
	},
	FieldName: {
		"字段名不对：签的是 {signed}，应为 {sent}", "Wrong field name: {signed} should be {sent}",
		"用发送时的字段名签名", "Sign under the names that you send",
	},
	Order: {
		"字段没有按 ASCII 升序排列", "Fields are not in ASCII order",
		"按字段名的字节升序排序后再拼接", "Sort by name, byte by byte, before you join",
	},
	Joint: {
		"拼接的格式不对", "The fields are joined in another way than name=value&name=value",
		"拼成 a=1&b=2&key=密钥，前后中间都不加别的字符", "Join as a=1&b=2&key=KEY, with nothing else before, between or behind",
	},
	WhiteSpace: {
		"{f} 首尾的空白签名前被去掉，发送时还在", "Spaces around {f} were trimmed for signing but sent",
		"先去空白，再签名、发送", "Trim first, then sign and send the trimmed value",
	},
	WhiteSpaceLost: {
		"{f} 签名时首尾有空白或换行，发送时没有", "{f} was signed with white space at an end that was not sent",
		"先去空白，再签名、发送", "Trim first, then sign and send the trimmed value",
	},
	LineEnd: {
		"{f} 里的换行签名时和发送后不一样（XML 会把 CR LF 变成 LF）", "Line ends in {f} differ between signing and arrival: XML turns CR LF into LF",
		"签名前把换行统一成 \\n", `Make line ends \n before you sign`,
	},
	URLEncoded: {
		"值被 URL 编码后才签名（{f}）", "{f} was URL-encoded before signing",
		"用原始值签名，不做 URL 编码", "Sign the values as they are, without URL encoding",
	},
	URLDecoded: {
		"值被 URL 解码后才签名（{f}）", "{f} was URL-decoded before signing",
		"发送什么就签什么：risk_info 带着 %3d 签", "Sign what you send: risk_info with its %3d",
	},
	Entities: {
		"签的是转义后的值（{f} 里的 &amp; &lt; 等）", "{f} was signed with its XML escapes (&amp;, &lt;)",
		"先签名，再转义生成 XML", "Sign first, escape for XML afterwards",
	},
	EntitiesSent: {
		"{f} 发送时多转义了一次，值里留下了 &amp; 等实体", "{f} was escaped once too often when it was sent, so entities such as &amp; arrived",
		"CDATA 里不要再转义", "Do not escape inside CDATA",
	},
	CDATA: {
		"把 CDATA 标记也签进去了（{f}）", "The CDATA marks were signed ({f})",
		"先签名，再加 CDATA", "Sign first, wrap in CDATA afterwards",
	},
	Quotes: {
		"值加了引号才签名（{f}）", "{f} was signed in quotation marks",
		"值不加引号", "Sign the values without quotation marks",
	},
	Backslashes: {
		"{f} 里加了反斜杠才签名", "Backslashes were added to {f} before signing",
		"用原始值签名，不做 addslashes 或 JSON 转义", "Sign the values as they are, without addslashes or JSON escapes",
	},
	Supplementary: {
		"{f} 里的表情等四字节字符签名时被丢掉或替换", "Emoji in {f} were dropped or replaced for signing",
		"先去掉表情，再签名、发送", "Remove emoji first, then sign and send",
	},
	NumberForm: {
		"{f} 签的是 {signed}，发的是 {sent}", "Signed {signed}, sent {sent} in {f}",
		"金额用整数分，签名和发送用同一个字符串", "Use whole fen, and one and the same text for signing and sending",
	},
	LetterCase: {
		"签名前改了字母的大小写", "Letters were changed to one case before hashing",
		"只把算出来的结果转成大写", "Change the case of the result only",
	},
	Charset: {
		"按 GBK 签名，按 UTF-8 发送", "Signed as GBK, sent as UTF-8",
		"用 UTF-8 的字节计算", "Hash the bytes of UTF-8",
	},
	CharsetLost: {
		"签名时中文变成了问号或被丢掉", "Chinese was turned into question marks, or dropped, for signing",
		"取字节时写明 UTF-8", "Say UTF-8 where you take the bytes",
	},
	CharsetTwice: {
		"UTF-8 的字节被当成 Latin-1 又编码了一次", "UTF-8 was taken for Latin-1 and encoded again",
		"整条路上都用 UTF-8", "Use UTF-8 all the way",
	},
	UTF16: {
		"按 UTF-16 签名", "Signed as UTF-16",
		"用 UTF-8 的字节计算", "Hash the bytes of UTF-8",
	},
	UnicodeEscapes: {
		"签的是 \\uXXXX 形式的中文", `Chinese was signed as \uXXXX`,
		"用原始值签名，不要先转成 JSON", "Sign the values as they are, not their JSON",
	},
	StringEncoded: {
		"整个串编码后才计算", "The whole string was encoded before hashing",
		"直接对拼好的串计算", "Hash the joined string as it is",
	},
	ByteOrderMark: {
		"串的开头多了 BOM", "The string begins with a byte order mark",
		"去掉 BOM", "Remove the byte order mark",
	},
	PreviousKey: {
		"用的是旧密钥（尾号 {k}），已轮换", "Signed with the previous key (ends {k}), which was replaced",
		"换上现在的密钥", "Use the key that is in force",
	},
	OtherEnvironment: {
		"用的是另一个环境的密钥（尾号 {k}）", "Signed with the key of the other environment (ends {k})",
		"沙箱和正式环境各用各的密钥", "Use each environment's own key",
	},
	V3Key: {
		"用的是 APIv3 密钥，这里要 APIv2 密钥", "Signed with the APIv3 key; this needs the APIv2 key",
		"换成 APIv2 密钥", "Use the APIv2 key",
	},
	OtherSecret: {
		"用的是别的密钥（{signed}，尾号 {k}）", "Signed with another secret ({signed}, ends {k})",
		"换成 APIv2 密钥", "Use the APIv2 key",
	},
	SampleKey: {
		"用的是文档示例里的密钥", "Signed with the key of the documentation's example",
		"换成自己的 APIv2 密钥", "Use your own APIv2 key",
	},
	KeyIsField: {
		"密钥的位置填成了 {f} 的值", "The value of {f} stands in the key's place",
		"检查参数顺序，填 APIv2 密钥", "Look at the order of arguments, and put the APIv2 key there",
	},
	KeyEmpty: {
		"密钥是空的", "The key is empty",
		"检查密钥的配置有没有读到", "See whether the key's configuration is read at all",
	},
	KeySpaces: {
		"密钥首尾多了空格或换行", "The key has spaces or a line break at the ends",
		"读出密钥后去掉首尾空白；在命令行里用 printf，不用 echo", "Trim the key after reading it; in a shell use printf, not echo",
	},
	KeyCase: {
		"密钥的字母大小写被改了", "The key's letters were changed to one case",
		"密钥照原样用", "Use the key as it is",
	},
	KeyCut: {
		"密钥抄得不完整，或抄了两遍", "The key was copied in part, or twice",
		"重新复制 32 位密钥", "Copy the 32 characters again",
	},
	KeyForm: {
		"密钥带了引号等字符，或先被编码、散列过", "The key stands in quotation marks, or was encoded or hashed first",
		"密钥照原样用", "Use the key as it is",
	},
	NoKey: {
		"末尾没有拼上 &key=", "&key= is missing at the end",
		"排序拼接后再加 &key=密钥", "Append &key=KEY after joining",
	},
	KeyName: {
		"密钥前应是 &key=", "What stands before the key is not &key=",
		"排序拼接后再加 &key=密钥", "Append &key=KEY after joining",
	},
	KeyPlace: {
		"密钥不在末尾，或拼了两次", "The key is not at the end, or there twice",
		"密钥不参与排序，只在最后拼一次", "Keep the key out of the sorting and append it once, at the end",
	},
	Hash: {
		"用的是 {signed}，这里只认 MD5 和 HMAC-SHA256", "Made with {signed}; only MD5 and HMAC-SHA256 are known here",
		"改用 MD5，或 HMAC-SHA256", "Use MD5 or HMAC-SHA256",
	},
	HMACKey: {
		"HMAC-SHA256 的密钥是空的，或与内容放反了", "HMAC-SHA256 was given an empty key, or key and text the wrong way round",
		"密钥既拼在串尾，也作 HMAC 的密钥", "Use the key both at the end of the string and as the HMAC's key",
	},
	DoubleHash: {
		"散列了两次", "Hashed twice",
		"只计算一次", "Hash once",
	},
	SignCut: {
		"sign 只是结果的一部分", "The sign is only a part of the result",
		"发送完整的 32 或 64 位", "Send all 32 or 64 digits",
	},
	SignDigits: {
		"sign 的十六进制位数不对：每个字节要写成两位", "The sign has a wrong number of digits: each byte makes exactly two",
		"每个字节补足两位，不要当成整数打印", "Pad each byte to two digits; do not print the digest as a number",
	},
	SignTwice: {
		"结果被写了两遍十六进制", "The result was written in hexadecimal twice",
		"只写一次十六进制", "Write it in hexadecimal once",
	},
	SignBase64: {
		"sign 写成了 Base64", "The sign is written in Base64",
		"写成大写的十六进制", "Write it in upper-case hexadecimal",
	},
	SignMarks: {
		"sign 里多了空白、横线等字符", "The sign has blanks, hyphens or other marks in it",
		"只留十六进制数字", "Leave nothing but hexadecimal digits",
	},
	SignForm: {
		"sign 不是 32 或 64 位十六进制", "The sign is not 32 or 64 hexadecimal digits",
		"写成大写的十六进制", "Write it in upper-case hexadecimal",
	},
	SignType: {
		"sign_type 只能是 MD5 或 HMAC-SHA256，收到的是 {sent}", "sign_type is MD5 or HMAC-SHA256, not {sent}",
		"改正 sign_type，或不发送", "Correct sign_type, or do not send it",
	},
	Method: {
		"按 {signed} 算的，但 sign_type 写的是 {sent}", "Made with {signed}, but sign_type says {sent}",
		"让 sign_type 与算法一致", "Make sign_type and the algorithm agree",
	},
	HMACOnly: {
		"签名正确，但这个商户只接受 HMAC-SHA256", "The signature is right, but this merchant takes HMAC-SHA256 only",
		"改用 HMAC-SHA256", "Sign with HMAC-SHA256",
	},
	NoSign: {
		"没有 sign", "There is no sign",
		"发送 sign", "Send a sign",
	},
	NoneFits: {
		"{n} 种常见错误都对不上。多半是密钥不是这个商户的，或内容在签名后被改过",
		"None of {n} known mistakes fits. Most likely the key belongs to another merchant, or the content changed after signing",
		"先核对密钥尾号，再自己签一次下面的串", "Compare the last 4 characters of the key, then sign the string below yourself",
	},
	TooLong: {
		"内容太长，没有逐一对照", "The document is too long to try the known mistakes",
		"缩短内容再试", "Try again with less in it",
	},
}
