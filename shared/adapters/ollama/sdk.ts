// LangChain's client of Ollama, loaded by `import()` of this file at the first call.
export { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages';
export { ChatOllama } from '@langchain/ollama';
