// Finds the handler that `path/file.name` names: in CommonJS and in ES modules.
// docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import {
  HandlerNotFound,
  ImportModuleError,
  MalformedHandlerName,
  UserCodeSyntaxError,
} from "./errors.mjs";

// Import the handler's module from a folder and return the function.
export async function loadHandler(folder, handler) {
  const { file, names } = split(handler);
  const module = await loadModule(folder, file);
  const found = names.reduce((value, name) => value && value[name], module);
  if (!found) {
    throw new HandlerNotFound(`${handler} is undefined or not exported`);
  }
  if (typeof found !== "function") {
    throw new HandlerNotFound(`${handler} is not a function`);
  }
  return found;
}

// The file ends at the first dot after the last slash; what follows leads through its exports.
function split(handler) {
  if (handler.includes("..")) {
    throw new MalformedHandlerName(
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root ` +
        "directories in handler names.",
    );
  }
  const dot = handler.indexOf(".", handler.lastIndexOf("/") + 1);
  if (dot < 0) {
    throw new MalformedHandlerName("Bad handler");
  }
  return { file: handler.slice(0, dot), names: handler.slice(dot + 1).split(".") };
}

async function loadModule(folder, name) {
  try {
    const base = path.resolve(folder, name);
    const file = findFile(base);
    if (file !== undefined && isModule(file)) {
      return await import(pathToFileURL(file).href);
    }
    // What is no file may be a folder, as with index.js, or a package: Node.js knows.
    const require = createRequire(path.join(folder, "/"));
    const found = file ?? (fs.existsSync(base) ? base : undefined);
    return require(found ?? require.resolve(name, { paths: [folder] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new UserCodeSyntaxError(error, { cause: error });
    }
    if (error?.code === "MODULE_NOT_FOUND") {
      throw new ImportModuleError(error, { cause: error });
    }
    throw error;
  }
}

function findFile(base) {
  const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile();
  return ["", ".js", ".mjs", ".cjs"].map((suffix) => base + suffix).find(isFile);
}

// The nearest package.json says what a .js file is.
function isModule(file) {
  if (!file.endsWith(".js")) {
    return file.endsWith(".mjs");
  }
  return isModuleFolder(path.dirname(file));
}

function isModuleFolder(folder) {
  if (path.basename(folder) === "node_modules") {
    return false;
  }
  const file = path.join(folder, "package.json");
  if (fs.existsSync(file)) {
    return readType(file) === "module";
  }
  const parent = path.dirname(folder);
  return parent !== folder && isModuleFolder(parent);
}

function readType(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")).type;
  } catch {
    console.warn(`${file} cannot be read: its "type" is not known`);
    return undefined;
  }
}
