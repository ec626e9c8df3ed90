// The functions of the benchmarks that serverless-offline runs in Node.js.
export const connect = async () => ({ statusCode: 200 })

export const echo = async (event) => ({ statusCode: 200, body: event.body })
