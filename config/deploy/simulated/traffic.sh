# Asks the gateway some times a second: whole answers, streams, embeddings, the model `auto`, a client over its limit.
# Needs GATEWAY, TEAM_A_KEY and TEAM_B_KEY.

# ask KEY PATH BODY
ask() {
  curl --silent --output /dev/null --max-time 30 --header "authorization: Bearer $1" \
    --header "content-type: application/json" --data "$3" "$GATEWAY$2" &
}

# chat KEY MODEL MORE
chat() {
  ask "$1" /v1/chat/completions \
    "{\"model\":\"$2\",\"messages\":[{\"role\":\"user\",\"content\":\"What does a circuit breaker do?\"}],\"max_tokens\":60$3}"
}

while :; do
  chat "$TEAM_A_KEY" gpt-4.1 ""
  chat "$TEAM_A_KEY" gpt-4.1 ',"stream":true,"stream_options":{"include_usage":true}'
  chat "$TEAM_A_KEY" gpt-4.1-nano ',"stream":true'
  chat "$TEAM_B_KEY" auto ""
  ask "$TEAM_A_KEY" /v1/embeddings '{"model":"text-embedding-3-small","input":"a breaker box"}'
  chat "$TEAM_A_KEY" no-such-model ""
  sleep 0.3
done
